// Paints a scene: the picture, the mask over it, and the shapes of the drawing, in the resolution of the screen.

const THINNEST = 1.3; // CSS pixels of a thin line
const SMALLEST = 11.5; // CSS pixels of letters

const css = ([red, green, blue, opacity]) => `rgb(${red} ${green} ${blue} / ${opacity / 255})`;

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.scene = null;
    new ResizeObserver(() => this.paint()).observe(canvas.parentElement);
  }

  async show(scene) {
    const [picture, mask] = await Promise.all([
      createImageBitmap(scene.picture),
      scene.mask ? createImageBitmap(scene.mask) : null,
    ]);
    this.scene?.picture.close();
    this.scene?.mask?.close();
    this.scene = { ...scene, picture, mask };
    this.paint();
  }

  clear() {
    this.scene = null;
    this.canvas.width = this.canvas.height = 1;
  }

  paint() {
    const { canvas, scene } = this;
    if (!scene) {
      return;
    }
    const box = canvas.parentElement.getBoundingClientRect();
    const [width, height] = scene.size;
    const fit = Math.min(box.width / width, box.height / height);
    const dots = window.devicePixelRatio || 1;
    const [w, h] = [Math.max(1, Math.round(width * fit * dots)), Math.max(1, Math.round(height * fit * dots))];
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
      canvas.style.width = `${w / dots}px`;
      canvas.style.height = `${h / dots}px`;
    }
    // On whole pixels of the screen, the browser does not smooth the picture again.
    const whole = (place) => Math.round(place * dots) / dots;
    canvas.style.left = `${whole(box.left + (box.width - w / dots) / 2) - box.left}px`;
    canvas.style.top = `${whole(box.top + (box.height - h / dots) / 2) - box.top}px`;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(scene.picture, 0, 0, w, h);
    if (scene.mask) {
      context.drawImage(scene.mask, 0, 0, w, h);
    }
    const scale = fit * dots;
    // Lines of a large picture on a small screen would be too thin.
    const wide = scale * Math.max(1, (THINNEST * dots) / (scene.unit * scale));
    for (const [kind, ...values] of scene.shapes) {
      shapes[kind](context, scale, wide, values, dots, scene.unit);
    }
  }
}

const shapes = {
  line(context, scale, wide, [x0, y0, x1, y1, radius, colour]) {
    context.strokeStyle = css(colour);
    context.lineWidth = 2 * radius * wide;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x0 * scale, y0 * scale);
    context.lineTo(x1 * scale, y1 * scale);
    context.stroke();
  },

  disc(context, scale, wide, [x, y, radius, colour]) {
    context.fillStyle = css(colour);
    context.beginPath();
    context.arc(x * scale, y * scale, radius * wide, 0, 2 * Math.PI);
    context.fill();
  },

  circle(context, scale, wide, [x, y, radius, width, colour]) {
    context.strokeStyle = css(colour);
    context.lineWidth = width * wide;
    context.beginPath();
    context.arc(x * scale, y * scale, radius * wide, 0, 2 * Math.PI);
    context.stroke();
  },

  tag(context, scale, wide, [x, y, size, centred, text, ground, ink], dots, unit) {
    const letters = Math.max(size * scale, SMALLEST * dots);
    const gap = unit * wide;
    context.font = `${letters}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    const pad = letters * 0.35;
    const [w, h] = [context.measureText(text).width + 2 * pad, letters * 1.45];
    const right = context.canvas.width - gap - w;
    const left = Math.max(gap, Math.min(x * scale - (centred ? w / 2 : 0), right));
    const above = y * scale - h - gap;
    const top = above >= 0 ? above : y * scale + 2 * gap;
    context.fillStyle = css(ground);
    context.beginPath();
    context.roundRect(left, top, w, h, h * 0.3);
    context.fill();
    context.fillStyle = css(ink);
    context.fillText(text, left + pad, top + h / 2 + letters * 0.04);
  },
};
