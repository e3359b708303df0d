// Hypervolume over what was spent, and the family tree.

function drawVolumes() {
  const empty = data.volume.length === 0;
  byId('volume-empty').hidden = !empty;
  byId('volumes').hidden = empty;
  if (empty) return;
  const chart = (id, column, title) => {
    const rows = data.volume;
    Plotly.react(byId(id), [{
      type: 'scatter', mode: 'lines+markers', x: rows.map((row) => row[column]), y: rows.map((row) => row[3]),
      text: rows.map((row) => `generation ${row[0]}`), hovertemplate: '%{text}<br>%{x:,} · %{y:.3f}<extra></extra>',
      line: { color: css('--front'), width: 2 }, marker: { size: 5, color: css('--front') },
    }], layoutOf({ xaxis: { title: { text: title, font: { size: 13 } }, rangemode: 'tozero', exponentformat: 'SI' }, yaxis: { title: { text: 'hypervolume', font: { size: 13 } }, tickformat: '.3~f', range: rows.length > 1 ? null : [0, 1] } }),
    { ...PLOT_CONFIG, displayModeBar: false });
    const last = rows[rows.length - 1];
    byId(id).setAttribute('aria-label', `Hypervolume over ${title}: from ${rows[0][3]} to ${last[3]} at ${last[column].toLocaleString('en')}`);
  };
  chart('volume-examples', 1, 'training images seen');
  chart('volume-seconds', 2, 'seconds');
}

function drawFamily() {
  const { nodes, rows } = data.family, plot = byId('family');
  const others = Object.keys(data.children).length - nodes.length;
  plot.hidden = !nodes.length;
  byId('family-note').textContent = nodes.length
    ? `Generations from left to right: the members of the front (filled) and their ancestors (open), ${nodes.length} in all; ${others} other children are left out. The selected network's line is orange.`
    : 'The front is empty, so nobody has ancestors yet.';
  if (!nodes.length) return;
  const at = Object.fromEntries(nodes.map(([id, generation, line]) => [id, [generation, line]]));
  const parents = new Set(nodes.map(([id]) => child(id)?.parent));
  const chosen = new Set(state.selected ? lineage(state.selected) : []);
  const branches = (wanted, color, width) => {
    const x = [], y = [];
    for (const [id] of nodes) {
      const from = at[child(id)?.parent];
      if (!from || wanted !== chosen.has(id)) continue;
      const [generation, line] = at[id];
      x.push(from[0], from[0] + 0.35, from[0] + 0.35, generation, null);
      y.push(from[1], from[1], line, line, null);
    }
    return { type: 'scatter', mode: 'lines', x, y, line: { color, width }, hoverinfo: 'skip', showlegend: false };
  };
  const dots = (wanted, marker, name) => {
    const shown = nodes.filter(([id]) => data.front.includes(id) === wanted);
    return {
      type: 'scatter', mode: roomy && wanted ? 'markers+text' : 'markers', name, marker, customdata: shown.map(([id]) => id),
      x: shown.map((node) => node[1]), y: shown.map((node) => node[2]), textposition: shown.map(([id]) => (parents.has(id) ? 'top center' : 'middle right')), textfont: { size: 11 },
      text: shown.map(([id]) => (parents.has(id) ? id : ` ${id}`)), hovertext: shown.map(([id, , , more]) => hoverOf(id) + (more ? `<br>${more} other children` : '')),
      hovertemplate: '%{hovertext}<extra></extra>', cliponaxis: false,
    };
  };
  const last = Math.max(...nodes.map((node) => node[1]));
  const height = Math.min(900, 90 + 26 * rows), roomy = height - 90 > 13 * rows;
  const blue = css('--front'), ink = css('--ink');
  const colours = (wanted, base) => nodes.filter(([id]) => data.front.includes(id) === wanted).map(([id]) => (id === state.selected ? css('--lineage') : base));
  plot.style.height = `${height}px`;
  Plotly.react(plot, [
    branches(false, css('--faint'), 1.2), branches(true, css('--lineage'), 2.5),
    dots(false, { symbol: 'circle-open', size: 7, color: colours(false, css('--muted')), line: { width: 1.5 } }, 'ancestor'),
    dots(true, { symbol: 'circle', size: 10, color: colours(true, blue), line: { color: ink, width: 0.5 } }, 'on the front'),
  ], layoutOf({
    height, showlegend: false, uirevision: 'family', margin: { l: 14, r: 56, t: 8, b: 44 },
    xaxis: { title: { text: 'generation', font: { size: 13 } }, dtick: last < 20 ? 1 : null, range: [-0.4, last + 0.4], zeroline: false },
    yaxis: { visible: false, autorange: 'reversed', fixedrange: true },
  }), { ...PLOT_CONFIG, displayModeBar: false });
  plot.setAttribute('aria-label', `Family tree of ${nodes.length} networks; the ancestors of the selected one are listed beside the front`);
  if (!plot.dataset.ready) {
    plot.dataset.ready = 'yes';
    onPointClick(plot);
  }
}
