'use strict';
// What the page knows: the packed listing, thumbnails, and the pictures of another run beside these.
// Text from a run becomes text nodes and nothing else.

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function makeButton(text, act, className = '') {
  const made = element('button', className, text);
  made.type = 'button';
  made.addEventListener('click', act);
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
const pictures = { id: [], row: [], text: [], language: [], keywords: [], image: [], match: [], aspect: [] }; // columns
const quarantined = { prompt_id: [], row: [], text: [], stage: [], error: [], attempt: [] };
const shards = []; // [metadata file, its first listed picture]
let counts = [0, 0]; // pictures and quarantined rows of the run, listed or not
let thumbnails = [];
let order = [];
let shown = []; // the items that the filters leave, in the order in which they stand
let beside = null; // another run: its name, the folder it is in, and the partner of each picture

const MATCHED = 0.75; // share of a text below which its picture is marked
const isPicture = (item) => item >= 0;
const isDoubtful = (item) => isPicture(item) && (pictures.match[item] ?? 1) < MATCHED;
const textOf = (item) => (isPicture(item) ? pictures.text[item] : quarantined.text[-1 - item]) || '';
const idOf = (item) => (isPicture(item) ? pictures.id[item] : quarantined.prompt_id[-1 - item]) || '';
const rowOf = (item) => (isPicture(item) ? pictures.row[item] : quarantined.row[-1 - item]);
const imageOf = (item) => pictures.image[item].replaceAll('\0', pictures.id[item]);
const shardOf = (path) => (path.match(/^(.+\.(?:parquet|tar))#/) || [])[1];
const pairs = document.body.dataset.pairs === 'true'; // each thumbnail has two halves: before and after
const facet = byId('language').dataset.name;
const previewOf = (path) => path.replace(/^images/, 'previews').replace(/\.[^.]+$/, '.webp');
const encoded = (path) => path.split('/').map(encodeURIComponent).join('/');
const relative = (path) => '../' + encoded(path);
const embedded = (small) => (small || '-') !== '-' && 'data:image/webp;base64,' + small;
const thumbnailOf = (item) => embedded(thumbnails[item]);
// Why a picture file that is linked to cannot be shown.
const unseen = (path) => path.endsWith('.jxl') ? 'The picture is not beside this page, or this browser does not show JPEG XL.'
  : 'The picture is not beside this page.';

// A picture's partner in the other run: its thumbnail, and the file where a link leads there.
function partnerOf(item) {
  const path = beside && isPicture(item) && beside.images[item];
  if (!path) return null;
  const file = !shardOf(path) && beside.folder !== null && encoded(`${beside.folder}/${path}`);
  return { path, file, small: embedded(beside.thumbnails[item]) };
}

function byRow() {
  const items = [];
  let i = 0, j = 0;
  while (i < pictures.id.length || j < quarantined.row.length) {
    if (j >= quarantined.row.length || pictures.row[i] <= quarantined.row[j]) items.push(i++);
    else items.push(-1 - j++);
  }
  return items;
}

async function readListing() {
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
  if (byId('beside')) {
    [beside] = await unpack(byId('beside'));
    beside.thumbnails = byId('beside-thumbnails').textContent.split(' ');
  }
}
