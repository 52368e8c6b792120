// ---- tiles: a picture, beside it its partner in the other run, and its words

const isTogether = () => Boolean(beside) && byId('together').getAttribute('aria-pressed') === 'true';
const thumbnailed = (item) => Boolean(thumbnailOf(item) || (imageOf(item) && !shardOf(imageOf(item))));

function makeTile(item, height) {
  const tile = element('li', isPicture(item) ? 'tile' : 'tile failed');
  const button = tile.appendChild(makeButton('', () => open(Number(tile.dataset.position))));
  const frame = button.appendChild(element('span', pairs ? 'frame pair' : 'frame'));
  frame.style.height = `${height}px`;
  const caption = button.appendChild(element('span', 'caption'));
  if (!isPicture(item)) {
    const j = -1 - item;
    frame.append(stageOf(j), element('span', '', quarantined.error[j]));
    caption.textContent = textOf(item) || `row ${number.format(quarantined.row[j])}`;
    caption.dir = 'auto';
    return tile;
  }
  tile.append(makePick(item));
  tile.classList.toggle('selected', selected.has(item));
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
  if (grid.caption === 30) caption.textContent = captionInGroup(item);
  else withLanguage(caption, item).textContent = textOf(item);
  const partner = isTogether() && partnerOf(item);
  if (partner) frame.append(makePartner(partner));
  const image = frame.appendChild(element('img'));
  image.alt = ''; // the caption says it
  image.decoding = 'async';
  image.addEventListener('error', () => words(path.endsWith('.jxl') ? 'JPEG XL not found beside this page, or not shown by this browser' : 'picture not found beside this page'));
  image.src = source;
  if (isDoubtful(item)) {
    const badge = frame.appendChild(element('b', 'match', `match ${pictures.match[item].toFixed(2)}`));
    badge.title = 'How much of its text the picture shows; the dialog says what is missing.';
  }
  const sorted = byId('sort').value;
  if (sorted && !['text', 'id', 'row'].includes(sorted)) frame.append(element('span', 'value', shownValue(valueOf(sorted, item)) || 'none'));
  return tile;
}

// Under a head that has the prompt: what tells pictures of one prompt apart.
function captionInGroup(item) {
  const seed = valueOf('seed', item);
  return seed === null ? `row ${number.format(rowOf(item))}` : `seed ${seed}`;
}

// The other run's picture; without one a tile says so, and stays as wide.
function makePartner({ small, file }) {
  const source = small || file;
  if (!source) return element('span', 'words note', `not kept in ${beside.name}`);
  const image = element('img', 'partner');
  image.alt = '';
  image.decoding = 'async';
  image.addEventListener('error', () => image.replaceWith(element('span', 'words note', `not found in ${beside.name}`)));
  image.src = source;
  return image;
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
