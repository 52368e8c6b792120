// ---- grid: a list as tall as all its rows, with tiles only where one looks

const TALLEST = 16e6; // pixels: a browser's elements end at some 17 million

const grid = {
  list: byId('grid'), tiles: new Map(), heads: new Map(), current: 0, space: 0, columns: 1, width: 0, gap: 14,
  caption: 52, head: 52, cut: 0,
  rows: [], // { top, height, frame, first, last } of places in shown; { top, height, group } of a heading
  rowAt: [], // the row of each place

  measure() {
    this.caption = byId('group').value === 'text' && groups.length ? 30 : 52; // a group's head has the prompt
    this.list.classList.toggle('brief', this.caption === 30);
    const together = isTogether();
    const least = (order.length <= 100 ? 236 : 158) * (together ? 1.6 : 1); // thumbnails of small runs are larger, too
    this.space = this.list.clientWidth;
    this.columns = Math.max(together && this.space < 500 ? 1 : 2, Math.floor((this.space + this.gap) / (least + this.gap)));
    this.width = (this.space - this.gap * (this.columns - 1)) / this.columns;
    this.lay(together ? 2 : 1);
  },

  // As high as the tallest picture of a row: pictures are never cropped, and where all have one shape none has a border.
  lay(abreast) {
    const rows = [], rowAt = new Uint32Array(shown.length), starts = groups.map(([, first]) => first);
    let top = 0, group = 0, place = 0;
    while (place < shown.length && top < TALLEST) {
      if (starts[group] === place) {
        rows.push({ top, height: this.head, group });
        top += this.head;
        group++;
      }
      const last = Math.min(place + this.columns, starts[group] ?? shown.length, shown.length);
      let aspect = 0.3;
      for (let i = place; i < last; i++) {
        rowAt[i] = rows.length;
        const item = shown[i];
        aspect = Math.max(aspect, Math.min(isPicture(item) && thumbnailed(item) ? pictures.aspect[item] / abreast : 0.75, 1.6));
      }
      const frame = Math.round(this.width * aspect), height = frame + this.caption + this.gap;
      rows.push({ top, height, frame, first: place, last });
      top += height;
      place = last;
    }
    Object.assign(this, { rows, rowAt, cut: place });
    this.list.style.height = `${Math.max(0, top - this.gap)}px`;
  },

  // The first row that ends below a height.
  rowBelow(height) {
    let low = 0, high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].top + this.rows[middle].height <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  },

  clear() {
    for (const position of [...this.tiles.keys()]) this.drop(position);
    for (const head of this.heads.values()) head.remove();
    this.heads.clear();
  },

  reset() {
    this.clear();
    this.current = 0;
    const top = this.list.getBoundingClientRect().top + scrollY - byId('filters').offsetHeight;
    if (scrollY > top) scrollTo(0, top); // results start where one looks
    this.measure();
    this.draw();
  },

  resize() {
    if (this.list.clientWidth === this.space) return; // only its height changed: other results
    const above = -this.list.getBoundingClientRect().top;
    const row = this.rows[Math.min(this.rowBelow(Math.max(0, above)), this.rows.length - 1)];
    const first = row ? row.first ?? groups[row.group][1] : 0; // stays in view
    this.clear();
    this.measure();
    if (above > 0 && shown.length) scrollBy(0, this.rows[this.rowAt[first]].top - above);
    this.draw();
  },

  draw() {
    const above = -this.list.getBoundingClientRect().top;
    const start = this.rowBelow(above - innerHeight / 2), end = Math.min(this.rows.length, this.rowBelow(above + innerHeight * 1.5) + 1);
    const rows = this.rows.slice(start, end), wanted = new Set(), headed = new Set();
    for (const row of rows) {
      if (row.group !== undefined) headed.add(row.group);
      else for (let position = row.first; position < row.last; position++) wanted.add(position);
    }
    for (const [position, tile] of this.tiles) {
      const focused = tile.contains(document.activeElement); // the keyboard must not lose its place
      if (!wanted.has(position) && !focused) this.drop(position);
    }
    for (const [group, head] of this.heads) {
      if (headed.has(group)) continue;
      head.remove();
      this.heads.delete(group);
    }
    for (const row of rows) {
      if (row.group !== undefined) this.addHead(row);
      else for (let position = row.first; position < row.last; position++) if (!this.tiles.has(position)) this.add(position, row);
    }
  },

  // Puts an element where it stands among the others, so that a screen reader reads them in order.
  insert(made, position) {
    made.dataset.order = position;
    const next = [...this.list.children].find((other) => Number(other.dataset.order) > position);
    this.list.insertBefore(made, next ?? null);
  },

  add(position, row) {
    const tile = makeTile(shown[position], row.frame);
    const x = (position - row.first) * (this.width + this.gap);
    tile.style.width = `${this.width}px`;
    tile.style.transform = `translate(${x}px, ${row.top}px)`;
    tile.setAttribute('aria-posinset', position + 1);
    tile.setAttribute('aria-setsize', shown.length);
    tile.dataset.position = position;
    tile.firstChild.tabIndex = position === this.current ? 0 : -1;
    this.insert(tile, position);
    this.tiles.set(position, tile);
  },

  addHead(row) {
    if (this.heads.has(row.group)) return;
    const [title, first] = groups[row.group], end = groups[row.group + 1]?.[1] ?? shown.length;
    const head = element('li', 'head');
    const heading = head.appendChild(element('h3', '', title || 'none'));
    heading.dir = 'auto';
    head.append(element('span', 'note', number.format(end - first)));
    head.style.transform = `translateY(${row.top}px)`;
    this.insert(head, first - 0.5);
    this.heads.set(row.group, head);
  },

  drop(position) {
    const tile = this.tiles.get(position);
    for (const image of tile.querySelectorAll('img')) image.removeAttribute('src'); // stops loading what has scrolled past
    tile.remove();
    this.tiles.delete(position);
  },

  focus(position) {
    const target = Math.min(Math.max(position, 0), this.cut - 1);
    if (target < 0) return;
    const row = this.rows[this.rowAt[target]];
    const y = row.top + this.list.getBoundingClientRect().top;
    const bar = (getComputedStyle(byId('filters')).position === 'sticky' ? byId('filters').offsetHeight : 0) + this.gap;
    if (y < bar) scrollBy(0, y - bar);
    else if (y + row.height > innerHeight) scrollBy(0, y + row.height - innerHeight);
    const before = this.tiles.get(this.current);
    if (before) before.firstChild.tabIndex = -1;
    this.current = target;
    this.draw();
    const button = this.tiles.get(target).firstChild;
    button.tabIndex = 0;
    button.focus({ preventScroll: true });
    this.draw();
  },

  // The place above or below, at the same column or the last that there is.
  vertical(position, by) {
    let at = this.rowAt[position];
    const column = position - this.rows[at].first;
    for (let left = Math.abs(by); left > 0; left--) {
      let next = at + Math.sign(by);
      if (this.rows[next]?.group !== undefined) next += Math.sign(by);
      if (!this.rows[next]) break;
      at = next;
    }
    return Math.min(this.rows[at].first + column, this.rows[at].last - 1);
  },

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName !== 'BUTTON') return;
    const position = Number(event.target.closest('li').dataset.position);
    const page = Math.max(1, Math.floor(innerHeight / this.rows[this.rowAt[position]].height));
    const moves = {
      ArrowRight: () => position + 1, ArrowLeft: () => position - 1, Home: () => 0, End: () => Infinity,
      ArrowDown: () => this.vertical(position, 1), ArrowUp: () => this.vertical(position, -1),
      PageDown: () => this.vertical(position, page), PageUp: () => this.vertical(position, -page),
    };
    if (event.key === 'x') select(shown[position]);
    else if (event.key in moves) this.focus(moves[event.key]());
    else return;
    event.preventDefault();
  },
};
