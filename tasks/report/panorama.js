// ---- panoramas: looking around in an equirectangular picture, from the middle of its sphere
//
// On a 2D canvas, as WebGL refuses the pictures of a page that is opened from a disk (there each file is an origin of its
// own, and the viewers that there are need WebGL). The sphere is a mesh of triangles, small enough for each to be the
// picture under a linear map.

const MESH = Math.PI / 36; // radians a side: 5 degrees
const ZOOM = { near: 0.5, usual: 1.4, far: 1.9 }; // radians of the canvas's longer side
const TURN = 0.12; // radians a key

// The figure of a panorama: a canvas that shows a part of the image, and buttons.
function lookAround(image, label) {
  const box = element('div', 'panorama'), canvas = box.appendChild(element('canvas'));
  const view = { yaw: 0, pitch: 0, zoom: ZOOM.usual };
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `Panorama: ${label}`);
  canvas.setAttribute('aria-keyshortcuts', 'ArrowLeft ArrowRight ArrowUp ArrowDown + - Home');
  canvas.title = 'Drag or use the arrow keys to look around; wheel, + and - zoom';
  let frame = 0;
  const draw = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => canvas.isConnected && drawView(canvas, image, view));
  };
  const look = (yaw, pitch, zoom = 1) => {
    view.yaw = Math.atan2(Math.sin(view.yaw + yaw), Math.cos(view.yaw + yaw));
    view.pitch = Math.min(Math.max(view.pitch + pitch, -Math.PI / 2), Math.PI / 2);
    view.zoom = Math.min(Math.max(view.zoom * zoom, ZOOM.near), ZOOM.far);
    draw();
  };
  listenToView(canvas, view, look);
  new ResizeObserver(draw).observe(canvas);
  box.append(makeToggle('Flat', (on) => {
    image.hidden = !on;
    canvas.hidden = on;
  }), makeFullscreen(box));
  image.hidden = true;
  image.after(box);
  draw();
}

function listenToView(canvas, view, look) {
  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener('pointermove', (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const before = fingers.size === 2 && spread(), now = { x: event.clientX, y: event.clientY };
    fingers.set(event.pointerId, now);
    const angle = view.zoom / Math.max(canvas.clientWidth, canvas.clientHeight) / fingers.size; // what is held stays held
    look((last.x - now.x) * angle, (now.y - last.y) * angle, before ? before / Math.max(spread(), 1) : 1);
  });
  for (const end of ['pointerup', 'pointercancel']) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    look(0, 0, Math.exp(Math.sign(event.deltaY) * 0.1));
  }, { passive: false });
  canvas.addEventListener('keydown', (event) => {
    const keys = {
      ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, TURN], ArrowDown: [0, -TURN], '+': [0, 0, 0.85],
      '=': [0, 0, 0.85], '-': [0, 0, 1 / 0.85], Home: [-view.yaw, -view.pitch, ZOOM.usual / view.zoom],
    };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // the dialog's arrows go to other pictures
    look(...keys[event.key]);
  });
}

function makeToggle(text, change) {
  const button = element('button', '', text);
  button.type = 'button';
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') === 'false';
    button.setAttribute('aria-pressed', String(on));
    change(on);
  });
  return button;
}

function makeFullscreen(box) {
  const button = element('button', '', 'Full screen');
  button.type = 'button';
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener('click', () => document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen());
  return button;
}

function drawView(canvas, image, view) {
  const scale = Math.min(devicePixelRatio, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale)), height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d'), focus = Math.max(width, height) / 2 / Math.tan(view.zoom / 2);
  context.fillStyle = context.createPattern(image, 'repeat-x');
  const columns = Math.round(2 * Math.PI / MESH), rows = Math.round(Math.PI / MESH);
  const [sin, cos] = [Math.sin(view.pitch), Math.cos(view.pitch)];
  const corner = (column, row) => { // a corner of the mesh: where it is seen, and where it is in the image
    const yaw = column * MESH - Math.PI - view.yaw, pitch = Math.PI / 2 - row * MESH;
    const right = Math.cos(pitch) * Math.sin(yaw), up = Math.sin(pitch), ahead = Math.cos(pitch) * Math.cos(yaw);
    const depth = ahead * cos + up * sin;
    return {
      depth, x: width / 2 + focus * right / depth, y: height / 2 - focus * (up * cos - ahead * sin) / depth,
      u: column / columns * image.naturalWidth, v: row / rows * image.naturalHeight,
    };
  };
  for (let row = 0; row < rows; row++) {
    let left = [corner(0, row), corner(0, row + 1)];
    for (let column = 0; column < columns; column++) {
      const right = [corner(column + 1, row), corner(column + 1, row + 1)];
      const four = [...left, ...right];
      const inside = four.every((p) => p.depth > 0.1) && Math.min(...four.map((p) => p.x)) < width
        && Math.max(...four.map((p) => p.x)) > 0 && Math.min(...four.map((p) => p.y)) < height && Math.max(...four.map((p) => p.y)) > 0;
      if (inside) {
        if (row < rows - 1) fillTriangle(context, left[0], left[1], right[1]); // at a pole two corners are one
        if (row > 0) fillTriangle(context, left[0], right[1], right[0]);
      }
      left = right;
    }
  }
  context.setTransform(1, 0, 0, 1, 0, 0);
  Object.assign(canvas.dataset, { yaw: view.yaw.toFixed(3), pitch: view.pitch.toFixed(3), zoom: view.zoom.toFixed(3) });
}

// Fills a triangle with the pattern under the linear map from its corners in the image to those that are seen.
function fillTriangle(context, a, b, c) {
  const [bu, bv, cu, cv] = [b.u - a.u, b.v - a.v, c.u - a.u, c.v - a.v], area = bu * cv - cu * bv;
  const [bx, by, cx, cy] = [b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y];
  const [xu, xv] = [(bx * cv - cx * bv) / area, (cx * bu - bx * cu) / area];
  const [yu, yv] = [(by * cv - cy * bv) / area, (cy * bu - by * cu) / area];
  context.setTransform(xu, yu, xv, yv, a.x - xu * a.u - xv * a.v, a.y - yu * a.u - yv * a.v);
  const [mu, mv] = [(a.u + b.u + c.u) / 3, (a.v + b.v + c.v) / 3], size = Math.sqrt(Math.abs(bx * cy - cx * by)) || 1;
  const grow = Math.min(2, 1 + 2 / size); // a pixel over its edge, or the background would be seen between triangles
  context.beginPath();
  for (const { u, v } of [a, b, c]) context.lineTo(mu + (u - mu) * grow, mv + (v - mv) * grow);
  context.fill();
}
