// ---- selection: pictures chosen one by one, by a range or all that are shown; their list downloaded, copied, printed

const selected = new Set(); // of items
let anchor = null; // the item chosen last: Shift selects from there

function makePick(item) {
  const label = element('label', 'pick'), box = label.appendChild(element('input'));
  box.type = 'checkbox';
  box.tabIndex = -1; // the key x does the same
  box.checked = selected.has(item);
  box.setAttribute('aria-label', `Select ${idOf(item)}`);
  label.addEventListener('click', (event) => {
    if (!event.shiftKey || anchor === null) return;
    event.preventDefault();
    selectRange(item);
  });
  box.addEventListener('change', () => select(item, box.checked));
  return label;
}

function select(item, on = !selected.has(item)) {
  if (!isPicture(item)) return;
  if (on) selected.add(item);
  else selected.delete(item);
  anchor = item;
  showSelection();
}

function selectRange(item) {
  const [from, to] = [shown.indexOf(anchor), shown.indexOf(item)].sort((a, b) => a - b);
  for (const one of shown.slice(Math.max(from, 0), to + 1)) if (isPicture(one)) selected.add(one);
  anchor = item;
  showSelection();
}

function showSelection() {
  byId('selection').hidden = !selected.size;
  byId('selected').textContent = `${number.format(selected.size)} selected`;
  document.body.classList.toggle('selecting', selected.size > 0);
  for (const [position, tile] of grid.tiles) {
    const box = tile.querySelector('.pick input'), on = selected.has(shown[position]);
    tile.classList.toggle('selected', on);
    if (box) box.checked = on;
  }
  const opened = byId('dialog').open && shown[Number(byId('dialog').dataset.position)];
  byId('pick').setAttribute('aria-pressed', String(opened !== false && selected.has(opened)));
  saveState();
}

const chosen = () => [...selected].sort((a, b) => rowOf(a) - rowOf(b) || a - b);

async function downloadList() {
  await load('seed');
  // A cell that a spreadsheet would take for a formula is kept from being one.
  const cell = (value) => `"${String(value ?? '').replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  const lines = chosen().map((item) => [idOf(item), rowOf(item), valueOf('seed', item), imageOf(item), textOf(item)].map(cell).join(','));
  const blob = new Blob(['\ufeff' + ['id,row,seed,image,text', ...lines].join('\r\n') + '\r\n'], { type: 'text/csv' });
  const link = element('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${document.title.split(' · ')[0]}-selected.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function printList() {
  byId('printed').replaceChildren(...chosen().map((item) => {
    const line = element('li'), small = thumbnailOf(item);
    if (small) {
      const image = line.appendChild(element('img'));
      image.alt = '';
      image.src = small;
    }
    line.append(element('b', '', idOf(item)), element('span', '', textOf(item)));
    return line;
  }));
  byId('printed').hidden = false;
  print();
}

// Where a page may not use the clipboard (http from another machine), the browser's older way.
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = (document.querySelector('dialog[open]') ?? document.body).appendChild(element('textarea', 'unseen'));
    area.value = text;
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  byId('told').textContent = `${what} copied`;
}

function listenToSelection() {
  byId('select-all').addEventListener('click', () => {
    for (const item of shown) if (isPicture(item)) selected.add(item);
    showSelection();
  });
  byId('select-none').addEventListener('click', () => {
    selected.clear();
    showSelection();
    grid.focus(grid.current);
  });
  byId('download-list').addEventListener('click', downloadList);
  byId('print-list').addEventListener('click', printList);
  byId('copy-ids').addEventListener('click', async (event) => {
    await copy(chosen().map(idOf).join('\n'), 'Ids');
    flash(event.target, 'Copied');
  });
}

function flash(button, text) {
  const before = button.textContent;
  if (before === text) return;
  button.textContent = text;
  setTimeout(() => { button.textContent = before; }, 1200);
}
