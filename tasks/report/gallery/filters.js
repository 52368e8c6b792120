// ---- search, filters by column, order and groups

const fold = (text) => text.normalize('NFKC').toLowerCase();
let haystacks = null; // what search looks through, made on the first search
let conditions = []; // { name, from, to } of numbers, { name, is } or { name, has } of text
let groups = []; // [title, its first place in shown], or none

function haystackOf(item, texts) {
  if (!isPicture(item)) {
    const q = quarantined, j = -1 - item;
    return fold([q.text[j], q.prompt_id[j], q.stage[j], q.error[j]].join('\n'));
  }
  const parts = [pictures.text[item], pictures.id[item], pictures.language[item], pictures.keywords[item]];
  for (const values of texts) if (values[item]) parts.push(values[item]);
  return fold(parts.join('\n'));
}

function makeHaystacks() {
  const texts = [...columns.values()].filter((column) => column.kind === 'text' && column.values && !column.listed)
    .map((column) => column.values);
  haystacks = new Map(order.map((item) => [item, haystackOf(item, texts)]));
}

function meets(item, condition) {
  if (!isPicture(item)) return false;
  const value = valueOf(condition.name, item);
  if (columns.get(condition.name)?.kind === 'number') {
    const n = numberOf(value), { from = '', to = '' } = condition;
    return (from === '' || n >= Number(from)) && (to === '' || n <= Number(to)) && !(Number.isNaN(n) && (from !== '' || to !== ''));
  }
  if (condition.is) return value === condition.is;
  return !condition.has || fold(String(value ?? '')).includes(fold(condition.has));
}

function filter() {
  const words = fold(byId('query').value).split(/\s+/).filter(Boolean);
  const status = document.querySelector('input[name=status]:checked').value;
  const language = byId('language').value;
  byId('language').disabled = status === 'quarantined'; // a row may fail before its language is known
  if (words.length && !haystacks) makeHaystacks();
  shown = order.filter((item) => {
    if (status === 'pictures' && !isPicture(item)) return false;
    if (status === 'quarantined' && isPicture(item)) return false;
    if (status === 'doubtful' && !isDoubtful(item)) return false;
    if (language && status !== 'quarantined' && !(isPicture(item) && pictures.language[item] === language)) return false;
    return conditions.every((condition) => meets(item, condition)) && words.every((word) => haystacks.get(item).includes(word));
  });
  arrange();
  byId('nothing').hidden = shown.length > 0;
  byId('nothing').firstElementChild.textContent = order.length ? 'Nothing matches.' : 'This run has no rows yet.';
  byId('nothing').querySelector('button').hidden = !order.length;
  grid.reset();
  const all = shown.length === order.length;
  byId('count').textContent = (all ? `${number.format(order.length)} shown`
    : `${number.format(shown.length)} of ${number.format(order.length)}`)
    + (groups.length ? `, ${number.format(groups.length)} ${groups.length === 1 ? 'group' : 'groups'}` : '')
    + (grid.cut < shown.length ? `; the page ends at ${number.format(grid.cut)}: filter to see others` : '');
  saveState();
}

// Sorts what is shown by a column, what has no value last; then gathers groups in the order of their first pictures.
function arrange() {
  const name = byId('sort').value, column = columns.get(name);
  if (name && column?.values) {
    const down = byId('descending').getAttribute('aria-pressed') === 'true' ? -1 : 1;
    const numeric = column.kind === 'number';
    const keys = new Map(shown.map((item) => [item, numeric ? numberOf(valueOf(name, item)) : valueOf(name, item) ?? '']));
    const missing = numeric ? Number.isNaN : (key) => key === '';
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    shown.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      return down * (numeric ? (x > y) - (x < y) : compare(x, y));
    });
  }
  groups = [];
  const by = byId('group').value;
  if (!by || (by !== 'text' && !columns.get(by)?.values)) return;
  const gathered = new Map();
  for (const item of shown) {
    const title = by === 'text' ? textOf(item) : String(valueOf(by, item) ?? '');
    if (!gathered.has(title)) gathered.set(title, []);
    gathered.get(title).push(item);
  }
  shown = [];
  for (const [title, items] of gathered) {
    groups.push([title, shown.length]);
    for (const item of items) shown.push(item);
  }
}

// The values that order, groups and filters need, then the filter.
async function refilter() {
  await Promise.all([byId('sort').value, byId('group').value, byId('group').value === 'text' ? 'seed' : '', ...conditions.map((c) => c.name)].map(load));
  filter();
}

function makeCondition(condition) {
  const column = columns.get(condition.name), row = element('span', 'condition');
  row.append(element('b', '', condition.name));
  const input = (key, label, placeholder, type = 'text') => {
    const made = row.appendChild(element('input'));
    Object.assign(made, { type, value: condition[key] ?? '', placeholder });
    if (type === 'number') made.step = 'any';
    made.setAttribute('aria-label', `${condition.name} ${label}`);
    made.addEventListener('input', () => {
      condition[key] = made.value;
      filter();
    });
  };
  const choices = column.kind === 'text' && choicesOf(column);
  if (column.kind === 'number') {
    const [least, most] = rangeOf(column);
    input('from', 'from', `from ${shownValue(least)}`, 'number');
    input('to', 'to', `to ${shownValue(most)}`, 'number');
  } else if (choices) {
    const select = row.appendChild(element('select'));
    select.setAttribute('aria-label', `${condition.name} is`);
    select.append(new Option('any', ''), ...choices.map((value) => new Option(value, value)));
    select.value = condition.is ?? '';
    select.addEventListener('change', () => {
      condition.is = select.value;
      filter();
    });
  } else input('has', 'contains', 'contains');
  const remove = makeButton('✕', () => {
    conditions = conditions.filter((other) => other !== condition);
    row.remove();
    byId('conditions').hidden = !conditions.length;
    filter();
    byId('condition').focus();
  });
  remove.setAttribute('aria-label', `Remove filter by ${condition.name}`);
  row.append(remove);
  return row;
}

async function showConditions() {
  await Promise.all(conditions.map((condition) => load(condition.name)));
  byId('conditions').replaceChildren(...conditions.map(makeCondition));
  byId('conditions').hidden = !conditions.length;
}

async function addCondition(name) {
  conditions.push({ name });
  await showConditions();
  byId('conditions').lastElementChild.querySelector('input, select').focus();
}

function offerColumns() {
  const offered = [...columns].filter(([, column]) => column.varies);
  for (const [name] of offered) byId('sort').append(new Option(name, name));
  for (const [name] of offered) byId('condition').append(new Option(name, name));
  for (const [name, column] of offered) {
    if (!column.listed && (column.kind === 'text' || /^(prompt_id|steps|guidance|seed)$/.test(name))) {
      byId('group').append(new Option(`by ${name}`, name));
    }
  }
  if (pictures.language.some(Boolean)) columns.set(facet, { kind: 'text', varies: true, values: pictures.language, listed: true });
}
