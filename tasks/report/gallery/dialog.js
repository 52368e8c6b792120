// ---- dialog: one row with all its columns

const detailsCache = new Map();

async function detailsOf(item) {
  for (const script of document.querySelectorAll('script.details')) {
    const index = item - Number(script.dataset.first);
    if (index < 0 || index >= Number(script.dataset.count)) continue;
    if (!detailsCache.has(script)) detailsCache.set(script, unpack(script));
    const [columns] = await detailsCache.get(script);
    return Object.entries(columns).map(([name, values]) => [name, values[index]]);
  }
  return null;
}

// What a person does opens it; what the address says opens it, too, without a step of its own in the history.
async function open(position, byAddress = false) {
  const dialog = byId('dialog'), item = shown[position];
  if (item === undefined) return;
  dialog.dataset.position = position;
  const rows = isPicture(item) ? await pictureRows(item) : Object.keys(quarantined).filter((name) => name !== 'text')
    .map((name) => [name, String(quarantined[name][-1 - item] ?? '')]);
  if (Number(dialog.dataset.position) !== position) return; // the next one was asked for meanwhile
  const full = rows.find(([name, value]) => name === 'text' && value);
  byId('dialog-text').textContent = (full ? full[1] : textOf(item)) || '(no text)';
  withLanguage(byId('dialog-text'), item);
  byId('place').textContent = `${number.format(position + 1)} of ${number.format(shown.length)}`;
  byId('previous').disabled = position === 0;
  byId('next').disabled = position === shown.length - 1;
  const apart = ['text', 'explain_words', 'explain_shares'];
  byId('columns').replaceChildren(...rows.filter(([name]) => !apart.includes(name)).flatMap(makeColumn));
  dialog.settings = settingsOf(item, rows);
  byId('pick').hidden = byId('copy-settings').hidden = !isPicture(item);
  byId('pick').setAttribute('aria-pressed', String(selected.has(item)));
  byId('told').textContent = '';
  showPicture(item);
  showWords(Object.fromEntries(rows));
  const fresh = !dialog.open;
  if (fresh) {
    dialog.showModal();
    dialog.focus(); // not its first button: the arrows mean pictures
  }
  dialog.querySelector('.sheet').scrollTop = 0;
  saveState(fresh && !byAddress);
}

async function pictureRows(item) {
  const start = [['id', pictures.id[item]], ['row', String(pictures.row[item])], [facet, pictures.language[item]],
    ...(pairs ? [] : [['keywords', pictures.keywords[item].split(' ').filter(Boolean)]]), ['image', imageOf(item)],
    ...(pictures.match[item] == null ? [] : [['match', String(pictures.match[item])]])];
  const more = await detailsOf(item);
  if (more) return start.concat(more);
  const [file, first] = shards.findLast((shard) => shard[1] <= item);
  return [...start, ['all columns', `Too many pictures to hold all columns of each here: see ${file}, row ${item - first}.`]];
}

// What it takes to make the picture again.
function settingsOf(item, rows) {
  if (!isPicture(item)) return '';
  const values = Object.fromEntries(rows), made = { text: byId('dialog-text').textContent };
  for (const name of ['negative_text', 'seed', 'width', 'height', 'steps', 'guidance', 'generator', 'encoder', 'instruction', 'settings']) {
    const value = values[name];
    if (value === undefined || value === null || value === '') continue;
    const plain = name === 'settings' || /^-?\d+(\.\d+)?$/.test(value) && Number.isSafeInteger(Math.trunc(Number(value)));
    try {
      made[name] = plain ? JSON.parse(value) : value;
    } catch {
      made[name] = value;
    }
  }
  return JSON.stringify(made, null, 2);
}

function makeColumn([name, value], _, rows) {
  const other = (wanted) => rows.find((row) => row[0] === wanted)?.[1];
  const tags = name === 'tokens' && other('pos')?.length === value?.length ? other('pos') : null;
  if (name === 'pos' && other('tokens')?.length === value?.length) return []; // shown beside its token
  const shownValue = element('dd', value === null || value === '' ? 'none' : '');
  shownValue.dir = 'auto';
  if (Array.isArray(value)) {
    value.forEach((word, i) => {
      const chip = element('span', 'chip', word);
      if (tags) chip.append(element('small', '', tags[i]));
      shownValue.append(chip, ' ');
    });
  } else shownValue.textContent = value === null || value === '' ? 'none' : value;
  return [element('dt', '', tags ? 'tokens · pos' : name), shownValue];
}

function step(by) {
  const position = Number(byId('dialog').dataset.position) + by;
  if (position >= 0 && position < shown.length) open(position);
}

function keyInDialog(event) {
  if (event.target.type === 'range' || event.ctrlKey || event.metaKey || event.altKey) return; // its arrows are its own
  const zoomed = byId('figure').classList.contains('zoomed') && byId('figure').querySelector('.view');
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (zoomed && event.key in ways) zoomed.scrollBy(...ways[event.key].map((way) => way * 80));
  else if (event.key === 'ArrowLeft') step(-1);
  else if (event.key === 'ArrowRight') step(1);
  else if (event.key === 'z') zoom();
  else if (event.key === 'x') select(shown[Number(byId('dialog').dataset.position)]);
  else if (event.key === 'c') byId('copy-prompt').click();
  else if (event.key === 'C') byId('copy-settings').click();
  else return;
  event.preventDefault();
}

function listenToDialog() {
  const dialog = byId('dialog');
  byId('close').addEventListener('click', () => dialog.close());
  byId('previous').addEventListener('click', () => step(-1));
  byId('next').addEventListener('click', () => step(1));
  byId('pick').addEventListener('click', () => select(shown[Number(dialog.dataset.position)]));
  const copies = { prompt: () => byId('dialog-text').textContent, settings: () => dialog.settings, link: () => location.href };
  for (const [what, text] of Object.entries(copies)) {
    byId(`copy-${what}`).addEventListener('click', async (event) => {
      await copy(text(), what[0].toUpperCase() + what.slice(1));
      flash(event.currentTarget ?? event.target, 'Copied');
    });
  }
  dialog.addEventListener('keydown', keyInDialog);
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close()); // beside the sheet
  dialog.addEventListener('close', () => {
    byId('figure').replaceChildren();
    grid.focus(Number(dialog.dataset.position));
    if (history.state?.opened) history.back(); // its step in the history goes with it
    else saveState();
  });
}
