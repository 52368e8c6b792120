// ---- wiring

function listen() {
  let frame = 0;
  const later = (action) => () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(action);
  };
  addEventListener('scroll', later(() => grid.draw()), { passive: true });
  new ResizeObserver(later(() => grid.resize())).observe(grid.list);
  addEventListener('popstate', restoreState);

  const form = byId('filters');
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('query').addEventListener('input', filter);
  form.addEventListener('change', (event) => {
    if (event.target.id === 'condition') {
      addCondition(event.target.value);
      event.target.value = '';
    } else if (['sort', 'group'].includes(event.target.id)) refilter();
    else if (event.target.id !== 'query' && !event.target.closest('.condition')) filter();
  });
  byId('descending').addEventListener('click', () => {
    showDirection(byId('descending').getAttribute('aria-pressed') === 'false');
    filter();
  });
  byId('together').addEventListener('click', () => {
    byId('together').setAttribute('aria-pressed', String(!isTogether()));
    filter();
  });
  byId('more').addEventListener('click', () => {
    const open = form.classList.toggle('open');
    byId('more').setAttribute('aria-expanded', String(open));
  });
  byId('timings-link').addEventListener('click', () => {
    byId('panels').scrollIntoView();
    byId('panels').focus();
  });
  byId('nothing').querySelector('button').addEventListener('click', async () => {
    form.reset();
    showDirection(false);
    conditions = [];
    await showConditions();
    filter();
    byId('query').focus();
  });
  grid.list.addEventListener('keydown', (event) => grid.key(event));
  grid.list.addEventListener('focusin', (event) => {
    if (event.target.tagName !== 'BUTTON') return;
    const before = grid.tiles.get(grid.current);
    if (before) before.firstChild.tabIndex = -1;
    grid.current = Number(event.target.closest('li').dataset.position);
    event.target.tabIndex = 0;
  });
  byId('help-link').addEventListener('click', () => byId('help').showModal());
  addEventListener('keydown', (event) => {
    const typing = event.target.matches('input:not([type=radio], [type=checkbox]), select, textarea');
    if (document.querySelector('dialog[open]') || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/') byId('query').focus();
    else if (event.key === '?') byId('help').showModal();
    else if (event.key === 'g') {
      byId('group').value = byId('group').value ? '' : 'text';
      refilter();
    } else return;
    event.preventDefault();
  });
  listenToSelection();
  listenToDialog();
}

function showWhatIsListed() {
  const listed = [pictures.id.length, quarantined.row.length], notes = [];
  if (listed[0] < counts[0] || listed[1] < counts[1]) {
    notes.push(`Listed here: the first ${number.format(listed[0])} of ${number.format(counts[0])} pictures`
      + ` and ${number.format(listed[1])} of ${number.format(counts[1])} quarantined rows. metadata/ and quarantine/ hold all.`);
  }
  const left = JSON.parse(document.body.dataset.leftOut);
  if (left.length) notes.push(`Too long to be searched here: ${left.join(', ')}.`);
  byId('partial').textContent = notes.join(' ');
  byId('partial').hidden = !notes.length;
}

function offerFacet() {
  const names = new Intl.DisplayNames('en', { type: 'language' });
  byId('doubtful').hidden = !order.some(isDoubtful);
  byId('language').hidden = !pictures.language.some(Boolean);
  for (const code of [...new Set(pictures.language)].filter(Boolean).sort()) {
    byId('language').append(new Option(/^[a-z]{2,3}$/.test(code) ? names.of(code) : code, code));
  }
}

async function start() {
  document.querySelector('.panel').open = innerWidth > 720;
  await readListing();
  findColumns();
  offerFacet();
  offerColumns();
  showWhatIsListed();
  byId('together').hidden = !beside;
  byId('together').querySelector('span').textContent = beside?.name ?? '';
  listen();
  restoring = true; // what the address says is not yet shown
  filter();
  await restoreState();
  document.documentElement.dataset.ready = Math.round(performance.now()); // milliseconds, for who measures
  // Then all that search looks through, one column after the other; a search under way finds more as they come.
  for (const [name, column] of columns) if (column.kind === 'text') await load(name);
  haystacks = null;
  if (byId('query').value) filter();
  document.documentElement.dataset.searchable = Math.round(performance.now());
}

start().catch((error) => {
  byId('count').textContent = `The gallery did not open (${error}); use a browser of 2023 or newer.`;
});
