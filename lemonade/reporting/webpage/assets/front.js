// The front as a plot, the choice of its axes, and limits on the members.

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
    }), 'log scale'));
  const marks = Object.entries({ knee: 'Knee', best: 'Most accurate', smallest: 'Smallest' })
    .filter(([name]) => data.marks[name])
    .map(([name, title]) => make('button', { type: 'button', 'data-mark': name, onclick: () => select(data.marks[name]) }, title));
  byId('axes').replaceChildren(
    choose('Across', columnsWhere(false).length ? columnsWhere(false) : columnsWhere(true), 'x', 'xLog'),
    choose('Up', columnsWhere(true), 'y', 'yLog'),
    make('div', { class: 'marks', role: 'group', 'aria-label': 'Select a member' }, ...marks));
}

// Where a child is drawn: a log axis has no 0, so no wrong image at all counts as half an image
function place(id, column, log) {
  const value = valueOf(id, column);
  if (value == null || !log) return value;
  return isErrorAt(column) ? Math.max(value, 0.5 / Math.max(1, data.images)) : value > 0 ? value : null;
}

const hoverOf = (id) => `<b>${id}</b> ${child(id).parent ? `from ${child(id).parent}` : ''}<br>`
  + data.columns.map((one, at) => `${plain(one.label)} ${plain(textOf(id, at))}`).join('<br>')
  + `<br><i>${plain(child(id).how).replace(/(.{40,60}?) /g, '$1<br>')}</i>`;

function trace(name, ids, more) {
  return {
    type: 'scatter', mode: 'markers', name, customdata: ids,
    x: ids.map((id) => place(id, state.x, state.xLog)), y: ids.map((id) => place(id, state.y, state.yLog)),
    text: ids.map(hoverOf), hovertemplate: '%{text}<extra></extra>', ...more,
  };
}

// Members that no other beats in both coordinates, from left to right
function envelope(ids) {
  const points = ids.map((id) => [place(id, state.x, state.xLog), place(id, state.y, state.yLog)])
    .filter(([x, y]) => x != null && y != null).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let least = Infinity;
  return points.filter(([, y]) => (y < least ? (least = y, true) : false));
}

function frontTraces() {
  const onFront = new Set(data.front);
  const others = Object.keys(data.children).filter((id) => !onFront.has(id) && child(id).status === 'ok' && valueOf(id, state.y) != null);
  const inside = data.front.filter(within), outside = data.front.filter((id) => !within(id));
  const knee = inside.filter((id) => id === data.marks.knee), members = inside.filter((id) => id !== data.marks.knee);
  const steps = envelope(inside), line = state.selected ? lineage(state.selected) : [];
  const blue = css('--front'), orange = css('--knee'), card = css('--card');
  return [
    trace(`other children (${others.length})`, others, { marker: { symbol: 'x-thin', size: 6, line: { width: 1.2, color: css('--faint') } } }),
    { type: 'scatter', mode: 'lines', x: steps.map((p) => p[0]), y: steps.map((p) => p[1]), line: { shape: 'hv', color: blue, width: 1.5 }, hoverinfo: 'skip', showlegend: false, customdata: [] },
    trace('ancestors of the selected', line.filter((id) => valueOf(id, state.y) != null), {
      mode: 'lines+markers', line: { color: css('--lineage'), width: 1.5, dash: 'dot' },
      marker: { symbol: 'square-open', size: 9, color: css('--lineage'), line: { width: 1.5 } }, showlegend: line.length > 1,
    }),
    trace(`beyond your limits (${outside.length})`, outside, { marker: { symbol: 'circle-open', size: 9, color: css('--faint') }, showlegend: outside.length > 0 }),
    trace(`front (${data.front.length})`, members, { marker: { symbol: 'circle', size: 10, color: blue, line: { color: card, width: 1 } } }),
    trace('knee', knee, { marker: { symbol: 'diamond', size: 14, color: orange, line: { color: css('--ink'), width: 1 } }, showlegend: knee.length > 0 }),
    trace('selected', state.selected && valueOf(state.selected, state.y) != null ? [state.selected] : [], {
      marker: { symbol: 'circle-open', size: 20, color: css('--ink'), line: { width: 2.5 } }, showlegend: false, hoverinfo: 'skip', hovertemplate: null,
    }),
  ];
}

function axisOf(column, log) {
  const one = data.columns[column];
  return {
    title: { text: plain(one.axis), standoff: 8 }, type: log ? 'log' : 'linear',
    tickformat: one.error ? '.3~f' : '.3~s', dtick: log && one.error ? 'D2' : null, exponentformat: 'SI',
    minor: log ? { showgrid: false } : undefined, rangemode: log ? 'normal' : 'tozero',
  };
}

function drawFront() {
  const plot = byId('front-plot'), any = data.front.length > 0;
  byId('front-help').hidden = plot.hidden = !any && !Object.values(data.children).some((one) => one.status === 'ok');
  byId('why-empty').hidden = any;
  byId('axes').hidden = plot.hidden;
  byId('limits').hidden = !any;
  if (plot.hidden) return;
  const traces = frontTraces();
  traced = traces.map((one) => one.customdata);
  Plotly.react(plot, traces, layoutOf({
    uirevision: [state.x, state.y, state.xLog, state.yLog].join(), xaxis: axisOf(state.x, state.xLog), yaxis: axisOf(state.y, state.yLog),
    legend: { orientation: 'h', x: 0, y: 1, yanchor: 'bottom', font: { size: 12 } }, margin: { l: 60, r: 14, t: 36, b: 48 },
  }), PLOT_CONFIG);
  plot.setAttribute('aria-label', `Plot of ${data.front.length} members of the front: ${data.columns[state.y].label} by ${data.columns[state.x].label}`);
  if (!plot.dataset.ready) {
    plot.dataset.ready = 'yes';
    plot.on('plotly_click', (event) => { const id = event.points[0]?.customdata; if (id) select(id); });
    plot.addEventListener('keydown', onFrontKey);
    plot.addEventListener('blur', () => { cursor = null; Plotly.Fx.unhover(plot); });
  }
  drawFrontNotes();
}

function drawFrontNotes() {
  const notes = [];
  const drawn = data.front.filter((id) => valueOf(id, state.y) != null);
  if (state.yLog && drawn.some((id) => valueOf(id, state.y) === 0)) notes.push('An error of 0 is drawn at half an image.');
  if (data.objectives.length > 2) notes.push('Members off the line are on the front for another objective.');
  if (data.columns[data.decides].name !== 'error' && data.columns[state.y].name === 'error') notes.push('Members are ranked by the smoothed error, so another child may have a lower plain one.');
  const lost = Object.values(data.children).filter((one) => one.status !== 'ok').length;
  if (lost) notes.push(`${lost} ${lost === 1 ? 'child' : 'children'} without an error (stopped or failed) cannot be drawn.`);
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
  const clear = make('button', { type: 'button', onclick: () => { state.limits = {}; drawLimits(); drawFront(); } }, 'No limits');
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
  if (!Object.keys(state.limits).length) { told.textContent = 'Limits grey out the members beyond them.'; return; }
  if (!inside.length) { told.textContent = `None of ${data.front.length} members is within these limits.`; return; }
  const best = inside.reduce((a, b) => (valueOf(b, data.decides) < valueOf(a, data.decides) ? b : a));
  told.replaceChildren(`${inside.length} of ${data.front.length} members are within; most accurate: `,
    make('button', { type: 'button', class: 'id', 'data-id': best }, best));
}
