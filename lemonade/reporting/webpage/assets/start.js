// Start, and bring the page up to date while its run goes on.

const PATIENCE = 3000, SHARE = 10; // milliseconds between questions, and at least so many times what the last took

function drawAll() {
  drawAxes();
  drawLimits();
  drawMember();
  drawFront();
  drawVolumes();
  drawFamily();
  markSelected();
}

function replaceParts(parts) {
  for (const place of document.querySelectorAll('[data-part]')) {
    const open = place.querySelector('details')?.open;
    const fresh = document.createElement('template');
    fresh.innerHTML = parts[place.dataset.part];
    if (fresh.innerHTML === place.innerHTML) continue;
    place.replaceChildren(fresh.content);
    if (open) place.querySelector('details').open = true;
  }
}

// Draw anew and give the focus back to the control that had it, which is another element by then
function keepingFocus(draw) {
  const focused = document.activeElement, region = focused.closest('#axes, #limits, #member, [data-part]');
  const names = ['id', 'name', 'title', 'data-id', 'data-limit', 'data-mark', 'data-copy', ...(focused.type === 'radio' ? ['value'] : [])];
  const found = names.filter((name) => focused.hasAttribute(name)).map((name) => `[${name}="${CSS.escape(focused.getAttribute(name))}"]`);
  draw();
  if (region && found.length) region.querySelector(found.join(''))?.focus({ preventScroll: true });
}

let shownTag = LIVE; // the state of the run that is on the page, as the server names it

async function keepUpToDate() {
  if (document.querySelector('input[type=range]:active')) { // not under somebody's finger
    setTimeout(keepUpToDate, 500);
    return;
  }
  const asked = performance.now();
  let told = 'The run goes on; this page follows it.';
  try {
    const answer = await fetch('news', { headers: { 'If-None-Match': shownTag } });
    if (answer.status === 200) {
      const news = await answer.json();
      shownTag = answer.headers.get('ETag');
      data = news.data;
      keepingFocus(() => {
        replaceParts(news.parts);
        chooseDefaults();
        drawAll();
      });
    } else if (answer.status !== 304) {
      told = `The run cannot be read: ${await answer.text()}`;
    }
  } catch {
    told = 'The server does not answer; this page is as it was.';
  }
  byId('news').textContent = data.ended ? 'The run has ended.' : told;
  if (!data.ended) setTimeout(keepUpToDate, Math.max(PATIENCE, SHARE * (performance.now() - asked)));
}

// What is selected and drawn stays if it still can
function chooseDefaults() {
  const resources = columnsWhere(false), errors = columnsWhere(true);
  if (!data.columns[state.x] || state.chosen === undefined) {
    state.x = (resources.length ? resources : errors)[0];
    state.y = errors[0] ?? state.x;
    state.xLog = data.columns[state.x].log;
    state.yLog = data.columns[state.y].log;
    state.chosen = true;
  }
  // until somebody picks one, the knee is followed
  const picked = state.picked ? state.selected : location.hash.slice(1);
  state.selected = [picked, data.marks.knee, data.front[0]].find((id) => id && child(id)) ?? null;
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('button.id[data-id]');
  if (button) select(button.dataset.id);
});

// Up and down in a table go from id to id
document.addEventListener('keydown', (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key], table = event.target.closest?.('table');
  if (!by || !table || !event.target.matches('button.id')) return;
  const buttons = [...table.querySelectorAll('button.id')];
  event.preventDefault();
  buttons[buttons.indexOf(event.target) + by]?.focus();
});

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
chooseDefaults();
drawAll();
if (LIVE && !data.ended) keepUpToDate();
