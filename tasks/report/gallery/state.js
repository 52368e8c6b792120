// ---- state: what is searched, filtered, sorted, grouped, opened and selected is in the address, so that a link shows it

const MOST_PICKED = 200; // ids in an address; a longer selection is downloaded

let restoring = false;

function stateNow() {
  const state = new URLSearchParams(), put = (name, value) => value && state.set(name, value);
  put('q', byId('query').value);
  put('status', document.querySelector('input[name=status]:checked').value.replace(/^all$/, ''));
  put('facet', byId('language').value);
  put('sort', byId('sort').value);
  put('down', byId('descending').getAttribute('aria-pressed') === 'true' && '1');
  put('group', byId('group').value);
  put('apart', beside && !isTogether() && '1');
  if (conditions.length) put('where', JSON.stringify(conditions));
  if (selected.size && selected.size <= MOST_PICKED) put('picked', JSON.stringify(chosen().map(idOf)));
  if (byId('dialog').open) put('open', idOf(shown[Number(byId('dialog').dataset.position)]));
  return state.toString();
}

// Writes the state into the address; `step`: as a step that the browser's back button undoes.
function saveState(step = false) {
  if (restoring) return;
  const address = stateNow() ? '#' + stateNow() : location.href.split('#')[0];
  if (step) history.pushState({ opened: true }, '', address);
  else history.replaceState(history.state, '', address);
}

async function restoreState() {
  const state = new URLSearchParams(location.hash.slice(1)), get = (name) => state.get(name) ?? '';
  const closed = (some) => {
    const rest = new URLSearchParams(some);
    rest.delete('open');
    return rest.toString();
  };
  restoring = true;
  if (closed(state) !== closed(stateNow())) await restoreFilters(get);
  const opened = get('open'), dialog = byId('dialog');
  const position = opened ? shown.findIndex((item) => idOf(item) === opened) : -1;
  if (position >= 0) await open(position, true);
  else if (dialog.open) dialog.close();
  restoring = false;
}

async function restoreFilters(get) {
  const list = (name) => {
    try {
      const found = JSON.parse(get(name) || '[]');
      return Array.isArray(found) ? found : [];
    } catch {
      return []; // an address that was cut
    }
  };
  byId('query').value = get('q');
  (document.querySelector(`input[name=status][value="${CSS.escape(get('status'))}"]`) ?? document.querySelector('input[name=status]')).checked = true;
  for (const [select, name] of [['language', 'facet'], ['sort', 'sort'], ['group', 'group']]) {
    byId(select).value = get(name);
    if (byId(select).selectedIndex < 0) byId(select).value = '';
  }
  showDirection(get('down') === '1');
  byId('together').setAttribute('aria-pressed', String(get('apart') !== '1'));
  conditions = list('where').filter((one) => columns.has(one?.name));
  await showConditions();
  const picked = new Set(list('picked'));
  selected.clear();
  if (picked.size) pictures.id.forEach((id, i) => picked.has(id) && selected.add(i));
  await refilter();
  showSelection();
}

function showDirection(down) {
  byId('descending').setAttribute('aria-pressed', String(down));
  byId('descending').textContent = down ? '↓' : '↑';
}
