// ---- columns: values of all listed pictures, each unpacked when it is asked for, or after the page has opened

const columns = new Map(); // name -> { kind: 'number' | 'text', varies, values: [...] once it is there, loading }

function findColumns() {
  const listed = (name, kind, values) => columns.set(name, { kind, varies: true, values, listed: true });
  listed('text', 'text', pictures.text);
  listed('id', 'text', pictures.id);
  listed('row', 'number', pictures.row);
  for (const script of document.querySelectorAll('script.column')) {
    const { name, kind, varies } = script.dataset;
    columns.set(name, { kind, varies: varies === 'true', values: null, script });
  }
}

async function load(name) {
  const column = columns.get(name);
  if (!column || column.values) return column;
  column.loading ??= (async () => {
    const values = new Array(pictures.id.length).fill(null);
    for (const part of await unpack(column.script)) part.values.forEach((value, i) => { values[part.first + i] = value; });
    column.values = values;
    column.script.remove();
    return column;
  })();
  return column.loading;
}

// A whole number too large for a Number is packed as text; a BigInt compares with numbers.
const numberOf = (value) => (typeof value === 'string' ? BigInt(value) : value ?? NaN);

function valueOf(name, item) {
  if (isPicture(item)) return columns.get(name)?.values?.[item] ?? null;
  return { text: textOf(item), id: idOf(item), row: rowOf(item) }[name] ?? null;
}

function shownValue(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value ?? '');
}

// The different values of a column of text if there are few: more are searched by what they contain.
function choicesOf(column, most = 60) {
  const found = new Set();
  for (const value of column.values) {
    if (value !== null && value !== '') found.add(value);
    if (found.size > most) return null;
  }
  return [...found].sort();
}

function rangeOf(column) {
  let least = Infinity, most = -Infinity;
  for (const value of column.values) {
    const n = numberOf(value);
    if (n < least) least = n;
    if (n > most) most = n;
  }
  return [least, most];
}
