'use strict';
// Reads the packed listing, shows it as a grid that holds only the tiles in view, and one dialog for a row's columns.
// Text from the run becomes text nodes and nothing else.

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// base64 of gzipped JSON lines, as the Python side packs them
async function unpack(script) {
  const binary = atob(script.textContent);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const lines = (await new Response(stream).text()).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

// An item is a number: i for picture i, -1 - j for quarantined row j; `order` has them by row of the input.
const pictures = { id: [], row: [], text: [], language: [], keywords: [], image: [], match: [] }; // columns
const quarantined = { prompt_id: [], row: [], text: [], stage: [], error: [], attempt: [] };
const shards = []; // [metadata file, its first listed picture]
let counts = [0, 0]; // pictures and quarantined rows of the run, listed or not
let thumbnails = [];
let order = [];
let shown = []; // the items that the filters leave
let haystacks = null; // what search looks through, made on the first search
const detailsCache = new Map();

const isPicture = (item) => item >= 0;
const MATCHED = 0.75; // share of a text below which its picture is marked
const isDoubtful = (item) => isPicture(item) && (pictures.match[item] ?? 1) < MATCHED;
const fold = (text) => text.normalize('NFKC').toLowerCase();
const textOf = (item) => (isPicture(item) ? pictures.text[item] : quarantined.text[-1 - item]) || '';
const imageOf = (item) => pictures.image[item].replaceAll('\0', pictures.id[item]);
const shardOf = (path) => (path.match(/^(.+\.(?:parquet|tar))#/) || [])[1];
const pairs = document.body.dataset.pairs === 'true'; // each thumbnail has two halves: before and after
const facet = byId('language').dataset.name;
const previewOf = (path) => path.replace(/^images/, 'previews').replace(/\.[^.]+$/, '.webp');
const relative = (path) => '../' + path.split('/').map(encodeURIComponent).join('/');
// Why a picture file that is linked to cannot be shown.
const unseen = (path) => path.endsWith('.jxl') ? 'The picture is not beside this page, or this browser does not show JPEG XL.'
  : 'The picture is not beside this page.';
const thumbnailOf = (item) => (thumbnails[item] || '-') !== '-' && 'data:image/webp;base64,' + thumbnails[item];

function byRow() {
  const items = [];
  let i = 0, j = 0;
  while (i < pictures.id.length || j < quarantined.row.length) {
    if (j >= quarantined.row.length || pictures.row[i] <= quarantined.row[j]) items.push(i++);
    else items.push(-1 - j++);
  }
  return items;
}

// ---- filters

function haystackOf(item) {
  if (isPicture(item)) return fold([pictures.text[item], pictures.id[item], pictures.keywords[item]].join('\n'));
  const q = quarantined, j = -1 - item;
  return fold([q.text[j], q.prompt_id[j], q.stage[j], q.error[j]].join('\n'));
}

function filter() {
  const words = fold(byId('query').value).split(/\s+/).filter(Boolean);
  const status = document.querySelector('input[name=status]:checked').value;
  const language = byId('language').value;
  byId('language').disabled = status === 'quarantined'; // a row may fail before its language is known
  if (words.length && !haystacks) haystacks = new Map(order.map((item) => [item, haystackOf(item)]));
  shown = order.filter((item) => {
    if (status === 'pictures' && !isPicture(item)) return false;
    if (status === 'quarantined' && isPicture(item)) return false;
    if (status === 'doubtful' && !isDoubtful(item)) return false;
    if (language && status !== 'quarantined' && !(isPicture(item) && pictures.language[item] === language)) return false;
    return words.every((word) => haystacks.get(item).includes(word));
  });
  const all = shown.length === order.length;
  byId('count').textContent = all ? `${number.format(order.length)} shown`
    : `${number.format(shown.length)} of ${number.format(order.length)}`;
  byId('nothing').hidden = shown.length > 0;
  byId('nothing').firstElementChild.textContent = order.length ? 'Nothing matches.' : 'This run has no rows yet.';
  byId('nothing').querySelector('button').hidden = !order.length;
  grid.reset();
}

// ---- grid: a list as tall as all its rows, with tiles only where one looks

const grid = {
  list: byId('grid'), tiles: new Map(), current: 0, space: 0, columns: 1, width: 0, height: 0, gap: 14, caption: 52,

  measure() {
    const least = order.length <= 100 ? 236 : 158; // pixels; the thumbnails of small runs are larger too
    this.space = this.list.clientWidth;
    this.columns = Math.max(2, Math.floor((this.space + this.gap) / (least + this.gap)));
    this.width = (this.space - this.gap * (this.columns - 1)) / this.columns;
    this.height = this.width + this.caption + this.gap;
    this.list.style.height = `${Math.max(0, Math.ceil(shown.length / this.columns) * this.height - this.gap)}px`;
  },

  reset() {
    for (const position of [...this.tiles.keys()]) this.drop(position);
    this.current = 0;
    const top = this.list.getBoundingClientRect().top + scrollY - byId('filters').offsetHeight;
    if (scrollY > top) scrollTo(0, top); // results start where one looks
    this.measure();
    this.draw();
  },

  resize() {
    if (this.list.clientWidth === this.space) return; // only its height changed: other results
    const above = -this.list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / this.height)) * this.columns; // stays in view
    for (const position of [...this.tiles.keys()]) this.drop(position);
    this.measure();
    if (above > 0) scrollBy(0, Math.floor(first / this.columns) * this.height - above);
    this.draw();
  },

  draw() {
    const above = -this.list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / this.height) - 2) * this.columns;
    const last = Math.min(shown.length, (Math.ceil((above + innerHeight) / this.height) + 2) * this.columns);
    for (const [position, tile] of this.tiles) {
      const focused = tile.contains(document.activeElement); // the keyboard must not lose its place
      if ((position < first || position >= last) && !focused) this.drop(position);
    }
    for (let position = first; position < last; position++) if (!this.tiles.has(position)) this.add(position);
  },

  add(position) {
    const tile = makeTile(shown[position]);
    const x = (position % this.columns) * (this.width + this.gap);
    const y = Math.floor(position / this.columns) * this.height;
    tile.style.width = `${this.width}px`;
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.setAttribute('aria-posinset', position + 1);
    tile.setAttribute('aria-setsize', shown.length);
    tile.dataset.position = position;
    tile.firstChild.tabIndex = position === this.current ? 0 : -1;
    // in order, so that a screen reader reads them as they stand
    const next = [...this.tiles.keys()].filter((other) => other > position);
    this.list.insertBefore(tile, next.length ? this.tiles.get(Math.min(...next)) : null);
    this.tiles.set(position, tile);
  },

  drop(position) {
    const tile = this.tiles.get(position);
    tile.querySelector('img')?.removeAttribute('src'); // stops loading what has scrolled past
    tile.remove();
    this.tiles.delete(position);
  },

  focus(position) {
    const target = Math.min(Math.max(position, 0), shown.length - 1);
    if (target < 0) return;
    const y = Math.floor(target / this.columns) * this.height + this.list.getBoundingClientRect().top;
    const bar = byId('filters').offsetHeight + this.gap;
    if (y < bar) scrollBy(0, y - bar);
    else if (y + this.height > innerHeight) scrollBy(0, y + this.height - innerHeight);
    const before = this.tiles.get(this.current);
    if (before) before.firstChild.tabIndex = -1;
    this.current = target;
    this.draw();
    const button = this.tiles.get(target).firstChild;
    button.tabIndex = 0;
    button.focus({ preventScroll: true });
    this.draw();
  },

  key(event) {
    const page = Math.max(1, Math.floor(innerHeight / this.height)) * this.columns;
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page,
      Home: -Infinity, End: Infinity,
    };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const position = Number(event.target.closest('li').dataset.position);
    this.focus(position + steps[event.key]);
  },
};

function makeTile(item) {
  const tile = element('li', isPicture(item) ? 'tile' : 'tile failed');
  const button = tile.appendChild(element('button'));
  button.type = 'button';
  const frame = button.appendChild(element('span', pairs ? 'frame pair' : 'frame'));
  const caption = button.appendChild(element('span', 'caption'));
  if (!isPicture(item)) {
    const j = -1 - item;
    frame.append(stageOf(j), element('span', '', quarantined.error[j]));
    caption.textContent = textOf(item) || `row ${number.format(quarantined.row[j])}`;
    caption.dir = 'auto';
    return tile;
  }
  const path = imageOf(item), shard = shardOf(path);
  const words = (note) => { // no picture to show: the prompt takes its place
    frame.replaceChildren(withLanguage(element('span', 'words', textOf(item)), item));
    caption.replaceChildren(element('span', 'note', note));
  };
  const source = thumbnailOf(item) || (path && !shard && relative(pairs ? previewOf(path) : path));
  if (!source) {
    words(path ? `in ${shard.split('/').pop()}` : 'picture not kept');
    return tile;
  }
  withLanguage(caption, item).textContent = textOf(item);
  const image = element('img');
  image.alt = ''; // the caption says it
  image.decoding = 'async';
  image.addEventListener('error', () => words(path.endsWith('.jxl') ? 'JPEG XL not found beside this page, or not shown by this browser' : 'picture not found beside this page'));
  image.src = source;
  frame.append(image);
  if (isDoubtful(item)) {
    const badge = frame.appendChild(element('b', 'match', `match ${pictures.match[item].toFixed(2)}`));
    badge.title = 'How much of its text the picture shows; the dialog says what is missing.';
  }
  return tile;
}

function stageOf(j) {
  const made = element('b', 'stage', quarantined.stage[j]);
  made.prepend(element('span', 'unseen', 'Quarantined at '));
  return made;
}

function withLanguage(made, item) {
  if (isPicture(item) && /^[a-z]{2,3}$/.test(pictures.language[item])) made.lang = pictures.language[item];
  made.dir = 'auto';
  return made;
}

// ---- dialog: one row with all its columns

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

async function open(position) {
  const dialog = byId('dialog'), item = shown[position];
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
  showPicture(item);
  showWords(Object.fromEntries(rows));
  if (!dialog.open) dialog.showModal();
  dialog.querySelector('.sheet').scrollTop = 0;
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

function showPicture(item) {
  const figure = byId('figure'), links = byId('dialog-links');
  figure.replaceChildren();
  links.replaceChildren();
  figure.className = isPicture(item) ? '' : 'failed';
  if (!isPicture(item)) {
    const j = -1 - item;
    figure.append(stageOf(j), element('p', '', quarantined.error[j]));
    return;
  }
  const path = imageOf(item), shard = shardOf(path), small = thumbnailOf(item);
  if (pairs) return void (figure.append(makeSlider(item)), links.append(makeDownload(path)));
  const image = element('img');
  image.alt = textOf(item);
  const instead = (why) => {
    if (small && image.src !== small) image.src = small;
    else image.remove();
    figure.append(element('figcaption', '', why));
  };
  if (document.body.dataset.panoramas === 'true') { // the thumbnail, until the picture is there
    image.addEventListener('load', () => image.isConnected && lookAround(image, textOf(item)), { once: true });
  }
  if (path && !shard) {
    figure.append(image);
    image.addEventListener('error', () => instead(unseen(path)), { once: true });
    image.src = relative(path);
  } else {
    if (small) figure.append(image);
    instead(!path ? 'This run kept no pictures.' : small ? `Thumbnail; the picture is in ${shard}.` : `The picture is in ${shard}.`);
  }
  if (path) links.append(makeDownload(path));
}

function makeDownload(path) {
  const shard = shardOf(path);
  const link = element('a', '', shard ? `Download ${shard}` : 'Download picture');
  link.href = relative(shard || path);
  link.download = (shard || path).split('/').pop();
  link.target = '_blank'; // from a disk a browser shows it instead
  link.rel = 'noopener';
  return link;
}

// Before and after, one over the other; how much of each is seen follows the slider.
function makeSlider(item) {
  const box = element('div', 'slider');
  const view = box.appendChild(element('div', 'halves'));
  const source = relative(previewOf(imageOf(item))), small = thumbnailOf(item);
  for (const half of ['before', 'after']) {
    const layer = view.appendChild(element('div', half));
    const image = layer.appendChild(element('img'));
    image.alt = `${textOf(item)}, ${half}`;
    image.addEventListener('load', () => {
      view.style.aspectRatio = `${image.naturalWidth / 2} / ${image.naturalHeight}`;
    });
    image.addEventListener('error', () => { // mailed alone, the page has the thumbnail
      if (small && image.src !== small) image.src = small;
    });
    image.src = source;
    view.append(element('span', `label ${half}`, half));
  }
  const range = box.appendChild(element('input'));
  Object.assign(range, { type: 'range', min: 0, max: 100, value: 50, title: 'Before and after' });
  range.setAttribute('aria-label', 'Before and after');
  const follow = () => view.style.setProperty('--cut', `${range.value}%`);
  const drag = (event) => {
    if (!event.buttons) return;
    const place = view.getBoundingClientRect();
    range.value = 100 * (event.clientX - place.left) / place.width;
    follow();
  };
  range.addEventListener('input', follow);
  view.addEventListener('pointerdown', drag);
  view.addEventListener('pointermove', drag);
  follow();
  return box;
}

// Which word made which part: a button a word, whose heat map takes the picture's place.
function showWords({ explain, explain_words: words, explain_shares: shares }) {
  const row = byId('words');
  row.hidden = !explain || !words?.length;
  row.replaceChildren();
  if (row.hidden) return;
  row.append(element('span', '', 'Made by'));
  const strip = new Image(), canvas = element('canvas', 'heat');
  canvas.setAttribute('role', 'img');
  canvas.hidden = true;
  byId('figure').prepend(canvas);
  strip.src = relative(explain);
  const parts = JSON.parse(shares);
  words.forEach((word, i) => {
    const button = element('button', 'chip', word);
    button.type = 'button';
    button.setAttribute('aria-pressed', 'false');
    button.append(element('small', '', `${Math.round(100 * parts[i])} %`));
    button.addEventListener('click', async () => {
      const on = button.getAttribute('aria-pressed') === 'false';
      for (const other of row.querySelectorAll('button')) other.setAttribute('aria-pressed', String(on && other === button));
      try {
        if (on) await strip.decode();
      } catch {
        row.replaceChildren(element('span', '', 'The heat maps are not beside this page.'));
        return;
      }
      if (on) {
        canvas.width = strip.naturalWidth / words.length;
        canvas.height = strip.naturalHeight;
        canvas.getContext('2d').drawImage(strip, -i * canvas.width, 0);
        canvas.setAttribute('aria-label', `What “${word}” made, glowing`);
      }
      canvas.hidden = !on;
      const picture = byId('figure').querySelector('img');
      if (picture) picture.hidden = on;
    });
    row.append(button, ' ');
  });
}

function step(by) {
  const position = Number(byId('dialog').dataset.position) + by;
  if (position >= 0 && position < shown.length) open(position);
}

// ---- wiring

function listen() {
  let frame = 0;
  const later = (action) => () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(action);
  };
  addEventListener('scroll', later(() => grid.draw()), { passive: true });
  new ResizeObserver(later(() => grid.resize())).observe(grid.list);

  const form = byId('filters');
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('query').addEventListener('input', filter);
  form.addEventListener('change', (event) => event.target.id !== 'query' && filter());
  byId('nothing').querySelector('button').addEventListener('click', () => {
    form.reset();
    filter();
    byId('query').focus();
  });
  grid.list.addEventListener('click', (event) => {
    const tile = event.target.closest('li');
    if (tile) open(Number(tile.dataset.position));
  });
  grid.list.addEventListener('keydown', (event) => grid.key(event));
  grid.list.addEventListener('focusin', (event) => {
    const before = grid.tiles.get(grid.current);
    if (before) before.firstChild.tabIndex = -1;
    grid.current = Number(event.target.closest('li').dataset.position);
    event.target.tabIndex = 0;
  });
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || byId('dialog').open || event.target.matches('input, select')) return;
    event.preventDefault();
    byId('query').focus();
  });

  const dialog = byId('dialog');
  byId('close').addEventListener('click', () => dialog.close());
  byId('previous').addEventListener('click', () => step(-1));
  byId('next').addEventListener('click', () => step(1));
  dialog.addEventListener('keydown', (event) => {
    if (event.target.type === 'range') return; // its arrows are its own
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close()); // beside the sheet
  dialog.addEventListener('close', () => grid.focus(Number(dialog.dataset.position)));
}

async function start() {
  document.querySelector('.panel').open = innerWidth > 720; // on a phone the pictures come first
  const append = (columns, more) => {
    for (const name in columns) for (const value of more[name]) columns[name].push(value);
  };
  for (const block of await unpack(byId('listing'))) {
    if (block.pictures) {
      shards.push([block.file, pictures.id.length]);
      append(pictures, block.pictures);
    }
    if (block.quarantined) append(quarantined, block.quarantined);
    if (block.counts) counts = block.counts;
  }
  thumbnails = byId('thumbnails').textContent.split(' ');
  order = byRow();
  const names = new Intl.DisplayNames('en', { type: 'language' });
  byId('language').hidden = !pictures.language.some(Boolean);
  for (const code of [...new Set(pictures.language)].filter(Boolean).sort()) {
    const option = element('option', '', /^[a-z]{2,3}$/.test(code) ? names.of(code) : code);
    option.value = code;
    byId('language').append(option);
  }
  byId('doubtful').hidden = !order.some(isDoubtful);
  const listed = [pictures.id.length, quarantined.row.length];
  if (listed[0] < counts[0] || listed[1] < counts[1]) {
    byId('partial').textContent = `Listed here: the first ${number.format(listed[0])} of ${number.format(counts[0])} pictures`
      + ` and ${number.format(listed[1])} of ${number.format(counts[1])} quarantined rows. metadata/ and quarantine/ hold all.`;
    byId('partial').hidden = false;
  }
  listen();
  filter();
  document.documentElement.dataset.ready = Math.round(performance.now()); // milliseconds, for who measures
}

start().catch((error) => {
  byId('count').textContent = `The gallery did not open (${error}); use a browser of 2023 or newer.`;
});
