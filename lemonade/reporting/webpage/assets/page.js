// What all parts of the page share: the data, what is selected, and small helpers.

let data = JSON.parse(document.getElementById('data').textContent);

// x and y are positions in data.columns; a limit is the largest value allowed, by position
const state = { selected: null, x: 0, y: 0, xLog: true, yLog: true, limits: {} };

const byId = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const say = (text) => { byId('said').textContent = text; };

// An element; text is text, never markup
function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...content.filter((part) => part != null));
  return made;
}

// Plotly reads some markup in its texts; names of people's own are none
const plain = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;');

const child = (id) => data.children[id];
const valueOf = (id, column) => child(id).values[column];
const textOf = (id, column) => child(id).texts[column];
const isErrorAt = (column) => data.columns[column].error;
const columnsWhere = (error) => data.columns.flatMap((one, at) => (one.error === error ? [at] : []));

function within(id) {
  return Object.entries(state.limits).every(([column, most]) => valueOf(id, column) <= most);
}

// A network and its ancestors, youngest first
function lineage(id) {
  const found = [];
  for (let at = id; at && child(at) && !found.includes(at); at = child(at).parent) found.push(at);
  return found;
}

function select(id) {
  if (!child(id)) return;
  state.selected = id;
  state.picked = true;
  try { history.replaceState(null, '', `#${id}`); } catch { /* a sandboxed page has no address of its own */ }
  drawMember();
  byId('member').scrollTop = 0;
  drawFront();
  drawFamily();
  markSelected();
  say(`${id} selected, ${wordsOf(id)}`);
}

const wordsOf = (id) => data.columns
  .flatMap((one, at) => (textOf(id, at) ? [`${one.label} ${textOf(id, at)}`] : []))
  .join(', ');

function markSelected() {
  for (const button of document.querySelectorAll('button.id[data-id]')) {
    const chosen = button.dataset.id === state.selected;
    if (chosen) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    button.closest('tbody tr')?.classList.toggle('selected', chosen && !!button.closest('[data-part=front]'));
  }
}

// A point of a plot selects its child
function onPointClick(plot) {
  plot.on('plotly_click', (event) => { const id = event.points[0]?.customdata; if (id) select(id); });
}

// What plots have in common; colours follow the page's
function layoutOf(more = {}) {
  const axis = { gridcolor: css('--line'), linecolor: css('--line'), zerolinecolor: css('--line'), automargin: true };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: css('--font'), size: 13, color: css('--ink') },
    hoverlabel: { bgcolor: css('--card'), bordercolor: css('--muted'), font: { color: css('--ink'), family: css('--font') }, align: 'left' },
    modebar: { bgcolor: 'rgba(0,0,0,0)', color: css('--muted'), activecolor: css('--front') },
    margin: { l: 56, r: 12, t: 8, b: 44 }, hovermode: 'closest',
    dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

const PLOT_CONFIG = {
  displaylogo: false, responsive: true, doubleClick: 'reset',
  modeBarButtons: [['toImage', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']], // named one by one: none that leads elsewhere
};
