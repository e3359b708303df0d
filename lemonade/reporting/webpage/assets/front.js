// The front as a plot, the choice of its axes, and limits on the members.

const MARKS = { knee: 'Knee', best: 'Most accurate', smallest: 'Smallest' };

let cursor = null; // the member that arrow keys stand at
let traced = [];   // ids by trace and point, for clicks and keys

function drawAxes() {
  const choose = (title, columns, which, log) => make('fieldset', {},
    make('legend', {}, title),
    ...columns.map((column) => make('label', { title: data.columns[column].about || null },
      make('input', {
        type: 'radio', name: which, value: column, checked: state[which] === column,
        onchange: () => { state[which] = column; state[log] = data.columns[column].log; drawAxes(); drawFront(); byId('axes').querySelector(`input[name=${which}]:checked`).focus(); },
      }), data.columns[column].label)),
    make('label', {}, make('input', {
      type: 'checkbox', name: log, checked: state[log], onchange: (event) => { state[log] = event.target.checked; drawFront(); },
    }), 'log'));
  const marks = Object.entries(MARKS)
    .filter(([name]) => data.marks[name])
    .map(([name, title]) => make('button', { type: 'button', 'data-mark': name, onclick: () => select(data.marks[name]) }, title));
  byId('axes').replaceChildren(
    choose('Across', columnsWhere(false).length ? columnsWhere(false) : columnsWhere(true), 'x', 'xLog'),
    choose('Up', columnsWhere(true), 'y', 'yLog'),
    make('div', { class: 'marks', role: 'group', 'aria-label': 'Select a member' }, ...marks));
}

const place = (id, column, log) => placed(valueOf(id, column), column, log);

// Where a value is drawn: a log axis has no 0, so no wrong image at all counts as half an image
function placed(value, column, log) {
  if (value == null || !log) return value;
  return isErrorAt(column) ? Math.max(value, 0.5 / Math.max(1, data.images)) : value > 0 ? value : null;
}

const hoverOf = (id) => `<b>${id}</b> ${child(id).parent ? `from ${child(id).parent}` : ''}<br>`
  + data.columns.map((one, at) => `${plain(one.label)} ${plain(textOf(id, at))}`).join('<br>')
  + `<br><i>${plain(child(id).how).replace(/(.{40,60}?) /g, '$1<br>')}</i>`;

function trace(ids, more) {
  return {
    type: 'scatter', mode: 'markers', customdata: ids,
    x: ids.map((id) => place(id, state.x, state.xLog)), y: ids.map((id) => place(id, state.y, state.yLog)),
    text: ids.map(hoverOf), hovertemplate: '%{text}<extra></extra>', ...more,
  };
}

// Hand-designed networks, which cannot be selected
const referenceTrace = () => ({
  type: 'scatter', mode: 'markers', customdata: [],
  x: data.references.map((one) => placed(one.values[state.x], state.x, state.xLog)),
  y: data.references.map((one) => placed(one.values[state.y], state.y, state.yLog)),
  text: data.references.map((one) => [`<b>${plain(one.name)}</b>`, ...one.text.map(plain)].join('<br>')), hovertemplate: '%{text}<extra></extra>',
  marker: { symbol: 'star', size: 13, color: css('--reference'), line: { color: css('--card'), width: 1 } },
});

// Members that no other beats in both coordinates, from left to right
function envelope(ids) {
  const points = ids.map((id) => [place(id, state.x, state.xLog), place(id, state.y, state.yLog)])
    .filter(([x, y]) => x != null && y != null).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let least = Infinity;
  return points.filter(([, y]) => (y < least ? (least = y, true) : false));
}

// What is drawn, by what it is
function shownIds() {
  const onFront = new Set(data.front), drawn = (id) => valueOf(id, state.y) != null;
  const inside = data.front.filter(within), isKnee = (id) => id === data.marks.knee;
  return {
    others: Object.keys(data.children).filter((id) => !onFront.has(id) && child(id).status === 'ok' && drawn(id)),
    outside: data.front.filter((id) => !within(id)),
    inside, knee: inside.filter(isKnee), members: inside.filter((id) => !isKnee(id)),
    line: state.selected ? lineage(state.selected).filter(drawn) : [],
    selected: state.selected && drawn(state.selected) ? [state.selected] : [],
  };
}

function drawLegend({ others, outside, knee, line }) {
  const entry = (kind, sign, text, there = true) => (there ? [make('span', { class: kind }, make('i', {}, sign), ` ${text}`)] : []);
  byId('legend').replaceChildren(
    ...entry('front', '●', `front (${data.front.length})`), ...entry('knee', '◆', 'its knee', knee.length),
    ...entry('faint', '○', `beyond your limits (${outside.length})`, outside.length),
    ...entry('faint', '×', `other children (${others.length})`), ...entry('lineage', '□', 'ancestors of the selected', line.length > 1),
    ...entry('reference', '★', `hand-designed (${data.references.length})`, data.references.length));
}

function frontTraces(shown) {
  const steps = envelope(shown.inside);
  const blue = css('--front'), orange = css('--knee'), card = css('--card');
  return [
    trace(shown.others, { marker: { symbol: 'x-thin', size: 6, line: { width: 1.2, color: css('--faint') } } }),
    { type: 'scatter', mode: 'lines', x: steps.map((p) => p[0]), y: steps.map((p) => p[1]), line: { shape: 'hv', color: blue, width: 1.5 }, hoverinfo: 'skip', customdata: [] },
    trace(shown.line, {
      mode: 'lines+markers', line: { color: css('--lineage'), width: 1.5, dash: 'dot' },
      marker: { symbol: 'square-open', size: 9, color: css('--lineage'), line: { width: 1.5 } },
    }),
    trace(shown.outside, { marker: { symbol: 'circle-open', size: 9, color: css('--faint') } }),
    trace(shown.members, { marker: { symbol: 'circle', size: 10, color: blue, line: { color: card, width: 1 } } }),
    trace(shown.knee, { marker: { symbol: 'diamond', size: 14, color: orange, line: { color: css('--ink'), width: 1 } } }),
    trace(shown.selected, {
      marker: { symbol: 'circle-open', size: 20, color: css('--ink'), line: { width: 2.5 } }, hoverinfo: 'skip', hovertemplate: null,
    }),
    referenceTrace(),
  ];
}

function ofChildren(column) {
  return Object.keys(data.children).map((id) => place(id, column, true)).filter((value) => value > 0);
}

// Labels at 1, 2 and 5 of every decade where there is room for them; within a decade plotly knows best
function ticks(column, axis, room) {
  const references = data.references.map((one) => placed(one.values[column], column, true)).filter((value) => value > 0);
  const values = [...ofChildren(column), ...references].map(Math.log10);
  const zoomed = axis?.type === 'log' && !axis.autorange;
  const [low, high] = zoomed ? axis.range : [Math.min(...values), Math.max(...values)];
  if (high - low < 0.8) return null;
  return (high - low) * 3 < room ? 'D2' : 1;
}

// Powers of a thousand by letter, but no "50m" for what lies below 1, as milliseconds do
function tickFormat(column) {
  return data.columns[column].error ? '.3~f' : Math.min(...ofChildren(column)) < 1 ? '.3~r' : '.3~s';
}

function axisOf(column, log, axis, room) {
  const one = data.columns[column];
  return {
    title: { text: plain(innerWidth > 560 ? one.axis : one.label), standoff: 8, font: { size: 13 } }, type: log ? 'log' : 'linear',
    tickformat: tickFormat(column), dtick: log ? ticks(column, axis, room) : null, rangemode: log ? 'normal' : 'tozero',
  };
}

function drawFront() {
  const plot = byId('front-plot'), any = data.front.length > 0;
  byId('front-help').hidden = plot.hidden = !any && !Object.values(data.children).some((one) => one.status === 'ok');
  byId('why-empty').hidden = any;
  byId('axes').hidden = byId('legend').hidden = plot.hidden;
  byId('limits').hidden = !any;
  if (plot.hidden) return;
  drawFrontNotes(); // before the plot, which takes the height that is left
  const shown = shownIds(), traces = frontTraces(shown);
  drawLegend(shown);
  traced = traces.map((one) => one.customdata);
  const revision = [state.x, state.y, state.xLog, state.yLog].join(); // as long as it stays, so does the zoom
  const before = plot._fullLayout?.uirevision === revision ? plot._fullLayout : null;
  Plotly.react(plot, traces, layoutOf({
    uirevision: revision,
    xaxis: axisOf(state.x, state.xLog, before?.xaxis, plot.clientWidth / 46),
    yaxis: axisOf(state.y, state.yLog, before?.yaxis, plot.clientHeight / 24),
    showlegend: false, margin: { l: 60, r: 14, t: 10, b: 48 },
  }), PLOT_CONFIG);
  plot.setAttribute('aria-label', `Plot of ${data.front.length} members of the front: ${data.columns[state.y].label} by ${data.columns[state.x].label}`);
  if (!plot.dataset.ready) {
    plot.dataset.ready = 'yes';
    onPointClick(plot);
    plot.on('plotly_relayout', (change) => { if (Object.keys(change).some((key) => /^[xy]axis/.test(key))) drawFront(); });
    new ResizeObserver(() => { if (!plot.hidden) { Plotly.Fx.unhover(plot); Plotly.Plots.resize(plot).then(drawFront); } }).observe(plot);
    plot.addEventListener('keydown', onFrontKey);
    plot.addEventListener('blur', () => { cursor = null; Plotly.Fx.unhover(plot); });
  }
}

function drawFrontNotes() {
  const notes = [];
  const drawn = data.front.filter((id) => valueOf(id, state.y) != null);
  if (state.yLog && drawn.some((id) => valueOf(id, state.y) === 0)) notes.push('An error of 0 is drawn at half an image.');
  const bySmoothed = data.columns[data.decides].name !== 'error' && data.columns[state.y].name === 'error';
  const causes = [...(data.objectives.length > 2 ? ['for another objective'] : []), ...(bySmoothed ? ['for their smoothed error'] : [])];
  if (causes.length) notes.push(`Members off the line are on the front ${causes.join(' or ')}.`);
  if (bySmoothed) notes.push('Members are ranked by the smoothed error, so another child may have a lower plain one.');
  const lost = Object.values(data.children).filter((one) => one.status !== 'ok').length;
  if (lost) notes.push(`Not drawn: ${lost} stopped or failed.`);
  if (data.references.length) notes.push(`Stars are torchvision's networks: ${data.references.map((one) => one.name).join(', ')}; each ${data.references[0].how}.`);
  byId('front-notes').textContent = notes.join(' ');
}

// Keys: the members in order of what lies across, those beyond the limits left out
function onFrontKey(event) {
  const order = data.front.filter(within).sort((a, b) => valueOf(a, state.x) - valueOf(b, state.x));
  const at = order.indexOf(cursor ?? state.selected);
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: order.length - 1 }[event.key];
  if (to !== undefined && order.length) {
    event.preventDefault();
    cursor = order[Math.min(order.length - 1, Math.max(0, to))];
    const curve = traced.findIndex((ids, number) => number > 3 && ids.includes(cursor));
    Plotly.Fx.hover(byId('front-plot'), [{ curveNumber: curve, pointNumber: traced[curve].indexOf(cursor) }]);
    say(`${cursor}, ${wordsOf(cursor)}. Enter selects it.`);
  } else if ((event.key === 'Enter' || event.key === ' ') && cursor) {
    event.preventDefault();
    select(cursor);
  } else if (event.key === 'Escape') {
    cursor = null;
    Plotly.Fx.unhover(byId('front-plot'));
  }
}

// Limits: a slider for each objective, whose steps are the members' values
function drawLimits() {
  const sliders = data.columns.flatMap((one, column) => (data.objectives.includes(one.name) ? [slider(column)] : []));
  const clear = make('button', { type: 'button', id: 'clear', onclick: () => { state.limits = {}; drawLimits(); drawFront(); } }, 'No limits');
  byId('limits').replaceChildren(...sliders, make('p', { id: 'within', 'aria-live': 'polite' }), clear);
  tellWithin();
}

function slider(column) {
  const label = data.columns[column].label;
  const steps = [...new Map([...data.front].sort((a, b) => valueOf(a, column) - valueOf(b, column)).map((id) => [valueOf(id, column), textOf(id, column)]))];
  const output = make('output', {});
  const last = steps.length - 1;
  const at = column in state.limits ? Math.max(0, steps.findLastIndex(([value]) => value <= state.limits[column])) : last;
  const input = make('input', { type: 'range', min: 0, max: Math.max(0, last), value: at, 'data-limit': data.columns[column].name, 'aria-label': `Largest ${label}` });
  const tell = () => {
    const free = Number(input.value) >= last;
    output.textContent = free ? 'any' : `≤ ${steps[input.value][1]}`;
    input.setAttribute('aria-valuetext', free ? 'no limit' : `at most ${steps[input.value][1]}`);
  };
  input.addEventListener('input', () => {
    if (Number(input.value) >= last) delete state.limits[column];
    else state.limits[column] = steps[input.value][0];
    tell();
    tellWithin();
    drawFront();
  });
  tell();
  return make('label', { class: 'limit' }, make('span', {}, label), input, output);
}

function tellWithin() {
  const inside = data.front.filter(within), told = byId('within');
  byId('clear').hidden = !Object.keys(state.limits).length;
  if (byId('clear').hidden) { told.textContent = 'Limits grey out the members beyond them.'; return; }
  if (!inside.length) { told.textContent = `None of ${data.front.length} members is within these limits.`; return; }
  const best = inside.reduce((a, b) => (valueOf(b, data.decides) < valueOf(a, data.decides) ? b : a));
  told.replaceChildren(`${inside.length} of ${data.front.length} members are within; most accurate: `,
    make('button', { type: 'button', class: 'id', 'data-id': best }, best));
}
