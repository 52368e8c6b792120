// ---- the figure of the dialog: a picture, alone or beside its partner, whole or in its own pixels

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
  const partner = partnerOf(item);
  const missing = !path ? 'This run kept no pictures.' : small ? `Thumbnail; the picture is in ${shard}.` : `The picture is in ${shard}.`;
  const view = makeView(textOf(item), path && !shard && relative(path), small, path && !shard ? unseen(path) : missing);
  if (partner) {
    figure.className = 'two';
    const before = makeView(`${textOf(item)}, in ${beside.name}`, partner.file, partner.small, `Not beside this page: ${partner.path} of ${beside.name}.`);
    before.prepend(element('b', 'label', beside.name));
    view.prepend(element('b', 'label', document.title.split(' · ')[0]));
    figure.append(before);
  }
  figure.append(view);
  const image = view.querySelector('img');
  if (image && document.body.dataset.panoramas === 'true') { // the thumbnail, until the picture is there
    image.addEventListener('load', () => image.isConnected && lookAround(image, textOf(item)), { once: true });
  }
  if (path) links.append(makeDownload(path));
}

// A file's picture, else its thumbnail with the reason.
function makeView(label, file, small, why) {
  const view = element('div', 'view'), image = element('img');
  image.alt = label;
  const instead = () => {
    if (small && image.src !== small) image.src = small;
    else image.remove();
    view.append(element('figcaption', '', why));
  };
  if (file || small) view.append(image);
  if (file) {
    image.addEventListener('error', instead, { once: true });
    image.src = file;
  } else instead();
  image.title = 'Click for its own pixels (z)';
  image.addEventListener('click', (event) => zoom(event.offsetX / image.clientWidth, event.offsetY / image.clientHeight));
  view.addEventListener('scroll', () => { // what one sees of one is what one sees of the other
    for (const other of byId('figure').querySelectorAll('.view')) {
      if (other === view || !byId('figure').classList.contains('zoomed')) continue;
      other.scrollLeft = view.scrollLeft / (view.scrollWidth - view.clientWidth || 1) * (other.scrollWidth - other.clientWidth);
      other.scrollTop = view.scrollTop / (view.scrollHeight - view.clientHeight || 1) * (other.scrollHeight - other.clientHeight);
    }
  });
  return view;
}

// From the whole picture to its pixels around a place (0 to 1), and back. What is small has each pixel several times as large.
function zoom(x = 0.5, y = 0.5) {
  const figure = byId('figure'), views = [...figure.querySelectorAll('.view')].filter((view) => view.querySelector('img'));
  if (!views.length) return;
  const on = !figure.classList.contains('zoomed');
  const sizes = views.map((view) => { // before any changes
    const image = view.querySelector('img'), fitted = Math.min(image.clientWidth, image.clientHeight * image.naturalWidth / image.naturalHeight);
    const own = image.naturalWidth / devicePixelRatio;
    return { height: view.clientHeight, width: own * (own > fitted * 1.2 ? 1 : Math.ceil(fitted * 2 / own)) };
  });
  figure.classList.toggle('zoomed', on);
  views.forEach((view, i) => {
    const image = view.querySelector('img');
    view.style.height = on ? `${sizes[i].height}px` : '';
    image.style.width = on ? `${sizes[i].width}px` : '';
    view.tabIndex = on ? 0 : -1;
    if (!on) return;
    view.scrollLeft = x * image.clientWidth - view.clientWidth / 2;
    view.scrollTop = y * image.clientHeight - view.clientHeight / 2;
  });
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
