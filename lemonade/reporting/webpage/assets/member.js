// The selected network: values, network, ancestors, and what to do with it.

const ROW = 46, GAP = 14, LANE = 11; // pixels: of a block, between blocks, between lines that pass by

function drawMember() {
  const panel = byId('member'), id = state.selected;
  if (!id) {
    panel.replaceChildren(make('h2', { id: 'member-title' }, 'No network selected'),
      make('p', { class: 'empty' }, Object.keys(data.children).length ? 'Click a point or an id to look at a network.' : 'There is none yet: no child had been evaluated when this page was written.'));
    return;
  }
  const one = child(id);
  const parts = [
    memberHead(id), make('p', { class: 'how' }, one.how),
    one.status === 'ok' ? null : make('p', { class: 'warn' }, `Ended as ${one.status}${one.message ? `: ${one.message}` : ''}`),
    memberValues(id), commands(id), ...madeOf(id), networkOf(id), ancestors(id),
  ];
  panel.replaceChildren(...parts.filter((part) => part !== null));
}

function memberHead(id) {
  const badges = [
    data.front.includes(id) ? ['on the front', 'front'] : ['not on the front', ''],
    ...Object.entries(MARKS).filter(([name]) => data.marks[name] === id).map(([name, title]) => [title.toLowerCase(), name]),
  ];
  const order = data.front, at = order.indexOf(id);
  const step = (by, title, sign) => make('button', {
    type: 'button', 'aria-label': title, title, disabled: at < 0 || !order[at + by],
    onclick: () => { select(order[at + by]); byId('member').querySelector(`button[title="${title}"]`).focus(); },
  }, sign);
  return make('div', { class: 'head' },
    make('h2', { id: 'member-title' }, id),
    ...badges.map(([text, kind]) => make('span', { class: `badge ${kind}` }, text)),
    make('span', { class: 'steps' }, step(-1, 'Next smaller member', '◀'), step(1, 'Next larger member', '▶')));
}

function memberValues(id) {
  const one = child(id);
  const rows = data.columns.map((column, at) => {
    const interval = column.name === 'error' ? one.interval : '';
    return make('div', {}, make('dt', { title: column.about || null }, column.label),
      make('dd', {}, make('b', {}, one.texts[at] || 'not measured'), interval ? ` 95 %: ${interval.replace('-', ' to ')}` : ''));
  });
  rows.push(make('div', {}, make('dt', {}, 'training'), make('dd', {}, one.cost)));
  return make('dl', { class: 'values' }, ...rows);
}

function commands(id) {
  const verbs = data.front.includes(id) ? ['export', 'retrain', 'show'] : ['show', 'lineage'];
  return make('div', { class: 'commands' }, ...verbs.map((verb) => {
    const text = data.commands[verb].replace(/ID$/, id);
    const code = make('code', {}, text);
    return make('div', {}, code, make('button', { type: 'button', 'data-copy': verb, 'aria-label': `Copy: ${text}`, onclick: (event) => copy(text, code, event.target) }, 'Copy'));
  }));
}

async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
    say('Copied');
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = 'Selected';
    say('Selected; copy it with your keyboard');
  }
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}

function madeOf(id) {
  const titles = { retrained: 'Retrained', exported: `Exported to models/${id}` };
  return Object.entries(data.made[id] ?? {}).map(([kind, lines]) => make('div', { class: `made ${kind}` },
    make('h3', {}, titles[kind]), make('ul', {}, ...lines.map((line) => make('li', {}, line)))));
}

function networkOf(id) {
  const blocks = data.networks[data.graphs[id]];
  if (!blocks) {
    const text = data.commands.show.replace(/ID$/, id);
    return make('div', {}, make('h3', {}, 'Network'), make('p', { class: 'empty' }, `This page holds the networks of the front, their ancestors and some others; for this one: ${text}`));
  }
  const { drawing, width } = passing(blocks);
  return make('div', {}, make('h3', {}, 'Network'),
    make('div', { class: 'network', style: `--gutter:${width}px` }, drawing, make('ol', {}, ...blocks.map(blockOf))),
    make('p', { class: 'quiet' }, 'Right: output shape, parameters, share of the flops.'));
}

const KINDS = [[/^images/, 'input'], [/^(conv|grouped)/, 'conv'], [/^depthwise/, 'depthwise'], [/^(add|concat)/, 'merge'], [/pool/, 'pool'], [/^linear/, 'linear']];

function blockOf(block) {
  const kind = KINDS.find(([pattern]) => pattern.test(block.op))?.[1] ?? 'other';
  return make('li', { class: `block ${kind}`, title: `${block.name}: ${block.op}${block.more ? `, ${block.more}` : ''}` },
    make('div', { class: 'what' }, make('b', {}, block.op), make('small', {}, block.name + (block.more ? ` · ${block.more}` : ''))),
    make('div', { class: 'costs' }, make('span', {}, block.shape), make('small', {}, block.params ? `${block.params} params` : '')),
    make('div', { class: 'share' }, block.share ? make('i', { style: `width:${Math.max(2, block.share)}%` }) : '', make('small', {}, block.share ? `${block.share} %` : '')));
}

// Lines between blocks: straight to the one below; those that pass others by take a lane on the left
function passing(blocks) {
  const NS = 'http://www.w3.org/2000/svg', middle = (at) => at * (ROW + GAP) + ROW / 2;
  const arcs = blocks.flatMap((block, to) => block.from.filter((from) => from !== to - 1).map((from) => ({ from, to })));
  arcs.sort((a, b) => (a.to - a.from) - (b.to - b.from));
  const lanes = [];
  for (const arc of arcs) {
    arc.lane = lanes.findIndex((taken) => taken.every((other) => other.to <= arc.from || arc.to <= other.from));
    if (arc.lane < 0) arc.lane = lanes.push([]) - 1;
    lanes[arc.lane].push(arc);
  }
  const width = lanes.length ? 12 + lanes.length * LANE : 0;
  const height = blocks.length * (ROW + GAP);
  const drawing = document.createElementNS(NS, 'svg');
  drawing.setAttribute('class', 'lines');
  drawing.setAttribute('aria-hidden', 'true');
  drawing.setAttribute('width', width + 30);
  drawing.setAttribute('height', height);
  const path = (d, kind) => {
    const made = document.createElementNS(NS, 'path');
    made.setAttribute('d', d);
    made.setAttribute('class', kind);
    drawing.append(made);
  };
  for (const { from, to, lane } of arcs) {
    const x = width - 8 - lane * LANE, start = middle(from) + 6, end = middle(to) - 6;
    path(`M${width} ${start} H${x + 5} Q${x} ${start} ${x} ${start + 5} V${end - 5} Q${x} ${end} ${x + 5} ${end} H${width - 2}`, 'arc');
    path(`M${width - 5} ${end - 3.5} L${width} ${end} L${width - 5} ${end + 3.5}`, 'tip');
  }
  blocks.forEach((block, to) => {
    if (!block.from.includes(to - 1)) return;
    const x = width + 22, top = to * (ROW + GAP) - GAP, end = top + GAP;
    path(`M${x} ${top} V${end - 1}`, 'straight');
    path(`M${x - 3.5} ${end - 5} L${x} ${end} L${x + 3.5} ${end - 5}`, 'tip');
  });
  return { drawing, width };
}

function ancestors(id) {
  const line = lineage(id), stages = ['inherited', 'distilled', 'trained'];
  if (line.length < 2 && !child(id).parent) return make('div', {}, make('h3', {}, 'Ancestors'), make('p', { class: 'empty' }, 'None: it is one of the networks that the search started from.'));
  const rows = line.map((one) => make('li', {},
    make('button', { type: 'button', class: 'id', 'data-id': one }, one), ' ', child(one).how,
    make('small', {}, stages.filter((stage) => child(one).stages[stage]).map((stage) => `${stage} ${child(one).stages[stage]}`).join(' → ') || child(one).status)));
  return make('div', {}, make('h3', {}, 'Ancestors, youngest first'),
    make('p', { class: 'quiet' }, 'Errors: as inherited, after distillation, after training.'), make('ol', { class: 'ancestors' }, ...rows));
}
