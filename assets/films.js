/**
 * Films of runners, drawn from their poses: one lane each, one below the other, the view moving with each. A film plays once when
 * it comes into view, and stands at its last frame for readers who want no motion.
 */
const STILL = matchMedia("(prefers-reduced-motion: reduce)"), DARK = matchMedia("(prefers-color-scheme: dark)");
const RADIUS = 0.046, GROUND = 0.28, SEEN = 4.2; // meters: of a limb, drawn below the ground, across a lane

class Film {
  constructor(figure, { rate, runners }) {
    this.canvas = figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.rate = rate;
    this.runners = runners;
    this.last = runners[0].far.length - 1;
    this.frame = this.last;
  }

  /** Every lane as it is at a frame, which may lie between two. */
  draw(frame) {
    this.frame = frame;
    const { canvas, context } = this, density = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(`--${name}`).trim();
    const lane = height / this.runners.length, first = Math.floor(frame), share = frame - first, next = Math.min(first + 1, this.last);
    const between = (values) => values[first] + share * (values[next] - values[first]);
    this.runners.forEach((runner, place) => {
      const scale = Math.min(width / SEEN, (lane - 30) / 1.1), far = between(runner.far) / 100, ground = (place + 1) * lane - GROUND * scale;
      const at = (x, z) => [width / 2 + x * scale, ground - z * scale];
      context.fillStyle = color("rule");
      context.fillRect(0, ground, width, 1);
      for (let meter = Math.floor(far - width / scale); meter < far + width / scale; meter++) {
        context.fillRect(at(meter - far, 0)[0], ground, 1, meter % 5 ? 4 : 9);
      }
      context.lineCap = "round";
      context.lineWidth = 2 * RADIUS * scale;
      const limbs = runner.limbs[first].map((value, index) => (value + share * (runner.limbs[next][index] - value)) / 1000);
      for (const limb of [2, 3, 4, 5, 6, 7, 0, 1]) { // the legs behind the trunk and the head
        context.strokeStyle = color(limb < 2 ? "ink" : limb < 5 ? "return" : "state");
        context.beginPath();
        context.moveTo(...at(limbs[4 * limb], limbs[4 * limb + 1]));
        context.lineTo(...at(limbs[4 * limb + 2], limbs[4 * limb + 3]));
        context.stroke();
      }
      context.font = `600 14px ${color("sans")}`;
      context.fillStyle = color("ink");
      context.textAlign = "left";
      context.fillText(runner.label, 2, place * lane + 18);
      context.textAlign = "right";
      context.fillText(`${far.toFixed(1).replace("-", "\u2212")} m`, width - 2, place * lane + 18);
    });
    canvas.dataset.frame = frame.toFixed(1);
  }

  play() {
    const run = this.run = (this.run ?? 0) + 1, began = performance.now();
    const step = (now) => {
      if (run !== this.run) return;
      const frame = Math.min(this.last, Math.max(0, (now - began) / 1000 * this.rate));
      this.draw(frame);
      if (frame < this.last) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

/** Show the film of a figure once it is near; play it once it is seen. */
export function show(figure, again) {
  const film = import(figure.dataset.film).then(({ default: poses }) => new Film(figure, poses));
  film.then((made) => {
    const redraw = () => made.draw(made.frame);
    redraw();
    new ResizeObserver(redraw).observe(made.canvas);
    DARK.addEventListener("change", redraw);
    if (STILL.matches) return;
    figure.append(again(() => made.play()));
    new IntersectionObserver(([seen], observer) => {
      if (!seen.isIntersecting) return;
      observer.disconnect();
      made.play();
    }, { threshold: 0.6 }).observe(made.canvas);
  });
}
