/** The page's side: controls, what is told, and when it may run. All else is the worker's. */
import { between, colors, POSE, Returns, Strip, Track } from "./drawing.js";
import { missing, sentence } from "./reasons.js";

const PERIOD = 50, CONTEXT_STEPS = 20, EPISODE_STEPS = 1000, FRAMES = 5;
const KEYS = ["KeyA", "KeyS", "KeyD", "KeyJ", "KeyK", "KeyL"]; // hind thigh, shin, foot; fore thigh, shin, foot
const NO_MODULES = "This browser starts no module workers, in which the simulator and the models run.";

/** Numbers as the page writes them: a true minus sign, thin spaces between thousands from 10 000 up. */
function written(number, digits = 0) {
  const text = number.toFixed(digits).replace("-", "\u2212");
  return Math.abs(number) < 10000 ? text : text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** One lane: a driver's name, a track, and what is told of it. */
class Lane {
  constructor(element) {
    this.element = element;
    this.select = element.querySelector("select");
    this.told = Object.fromEntries([...element.querySelectorAll("[data-told]")].map((each) => [each.dataset.told, each]));
    this.trackElement = element.querySelector(".wheel-track");
    this.strip = new Strip(element.querySelector(".wheel-attention"));
    this.begin(null, null);
  }

  /** Forget the last episode; `frame` is how the cheetah stands. */
  begin(asked, frame) {
    Object.assign(this, { asked, frame, got: [], milliseconds: [], target: null });
    this.told.asked.textContent = asked === null ? "" : `, asked for ${written(asked)}`;
    if (frame) this.tell(frame);
  }

  /** Take what the worker says of a control step. */
  take(frame) {
    this.frame = frame;
    this.got.push(frame.total);
    this.milliseconds = [...this.milliseconds.slice(-19), frame.milliseconds];
    this.tell(frame);
  }

  tell(frame) {
    const mean = this.milliseconds.reduce((sum, each) => sum + each, 0) / Math.max(1, this.milliseconds.length);
    const told = {
      total: written(frame.total), steps: written(frame.steps), distance: written(frame.distance),
      speed: written(frame.torso.dx, 1), milliseconds: written(mean, mean < 10 ? 1 : 0),
    };
    for (const [name, text] of Object.entries(told)) {
      if (this.told[name].textContent !== text) this.told[name].textContent = text;
    }
    this.element.classList.toggle("attends", Boolean(frame.attention));
    this.element.dataset.force = Math.round(Math.hypot(frame.force.x, frame.force.z));
    this.element.dataset.torque = Math.max(...frame.torques.map(Math.abs)).toFixed(2);
  }

  /** Draw the cheetah as it was `share` of a control step after the frame began. */
  draw(share, palette) {
    if (!this.frame) return;
    const { poses } = this.frame, place = Math.min(share * FRAMES, FRAMES - 1), before = Math.floor(place);
    const at = (index) => poses.subarray(index * POSE, (index + 1) * POSE);
    const pose = between(at(before), at(Math.min(before + 1, FRAMES - 1)), place - before);
    this.track.draw({ ...this.frame, pose, target: this.target }, palette);
  }
}

/** The whole panel, once the reader has asked for it. */
class Panel {
  constructor(figure) {
    const panel = figure.querySelector("template").content.firstElementChild.cloneNode(true);
    Object.assign(this, { figure, panel, wanted: !matchMedia("(prefers-reduced-motion: reduce)").matches, visible: true });
    this.find = (name) => panel.querySelector(`.wheel-${name}`);
    this.lanes = [...panel.querySelectorAll(".wheel-lane")].map((element) => new Lane(element));
    this.returns = new Returns(this.find("returns"));
    this.torques = new Float32Array(KEYS.length);
  }

  /** Start the worker; resolves when the cheetahs stand on their tracks. */
  load(progress) {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    return new Promise((resolve, reject) => {
      this.worker.onerror = (event) => {
        event.preventDefault();
        reject(NO_MODULES);
      };
      this.worker.onmessage = ({ data }) => {
        this.worker.onerror = null;
        if (data.loaded) progress(data.loaded);
        if (data.ready) this.radii = data.ready.radii;
        if (data.failed) reject(data.failed);
        if (data.began) this.begin(data.began);
        if (data.seated) {
          this.seated = data.seated;
          resolve();
        }
      };
      this.worker.postMessage({ seat: this.names });
    });
  }

  get names() {
    return this.lanes.map(({ select }) => select.value);
  }

  /** Put the panel into the page and let it run. */
  show() {
    const { figure, worker } = this;
    figure.querySelector(".wheel-before").replaceWith(this.panel);
    for (const lane of this.lanes) lane.track = new Track(lane.trackElement, this.radii);
    worker.onmessage = ({ data }) => {
      for (const [name, told] of Object.entries(data)) this.hear[name]?.call(this, told);
    };
    worker.onerror = (event) => this.say(sentence(event.message));
    this.listen();
    this.palette = colors();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.palette = colors(); this.draw(); });
    new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      this.order();
    }).observe(this.panel);
    document.addEventListener("visibilitychange", () => this.order());
    new ResizeObserver(() => this.draw()).observe(this.panel);
    this.order();
    this.seat();
    this.find("run").focus({ preventScroll: true });
  }

  /** Tell the worker to run, or not to: it runs where the reader wants it to and can see it. */
  order() {
    this.worker.postMessage({ run: this.wanted && this.visible && !document.hidden });
    this.find("run").textContent = this.wanted ? "Pause" : "Run";
  }

  hear = {
    running(running) {
      this.running = running;
      this.figure.dataset.state = running ? "running" : "paused";
      if (running) this.animate();
    },

    began(told) {
      this.begin(told);
      this.draw();
    },

    frame(lanes) {
      const now = performance.now();
      this.interval = Math.min(1000, Math.max(PERIOD, now - (this.arrived ?? now)));
      this.arrived = now;
      this.worker.postMessage({ taken: true });
      lanes.forEach((frame, lane) => this.lanes[lane].take(frame));
      this.news = true;
      this.tellPace(now);
      if (this.dragged) this.drag();
      if (!this.running) this.draw();
    },

    seated(names) {
      this.seated = names;
      this.say("");
    },

    failed(reason) {
      this.say(reason);
      this.lanes.forEach(({ select }, lane) => { select.value = this.seated[lane]; });
      this.seat();
    },
  };

  begin({ asked, frames }) {
    if (this.lanes[0].got.length === EPISODE_STEPS) {
      const totals = this.lanes.map(({ got }) => written(got.at(-1)));
      this.find("last").textContent = `Last episode: ${totals.join(" and ")}.`;
    }
    this.lanes.forEach((lane, place) => lane.begin(asked[place], frames[place]));
    this.pace = [];
  }

  /** Say how much slower than the robot it runs, where it does. */
  tellPace(now) {
    this.pace = [...this.pace.slice(-20), now];
    const [first] = this.pace, steps = this.pace.length - 1, speed = steps && (steps * PERIOD) / (now - first);
    this.find("pace").textContent = steps < 5 || speed > 0.9 ? "" : `Slow motion: ${written(speed, 2)} of the robot's pace.`;
  }

  /** Draw at every refresh of the screen while it runs. */
  animate() {
    if (this.animated) return;
    const draw = () => {
      this.animated = this.running ? requestAnimationFrame(draw) : null;
      this.draw();
    };
    this.animated = requestAnimationFrame(draw);
  }

  draw() {
    const share = this.running ? (performance.now() - this.arrived) / this.interval : 1;
    for (const lane of this.lanes) lane.draw(share, this.palette);
    if (this.running && !this.news) return;
    this.news = false; // what does not move between frames is drawn once for each
    for (const lane of this.lanes) lane.strip.draw(lane.frame?.attention, CONTEXT_STEPS, this.palette);
    this.returns.draw(this.lanes, EPISODE_STEPS, this.palette);
  }

  say(sentence) {
    this.find("status").textContent = sentence;
  }

  listen() {
    this.find("run").addEventListener("click", () => { this.wanted = !this.wanted; this.order(); });
    this.find("restart").addEventListener("click", () => this.worker.postMessage({ restart: true }));
    for (const button of this.panel.querySelectorAll("[data-push]")) {
      button.addEventListener("click", () => this.worker.postMessage({ push: { name: button.dataset.push } }));
    }
    this.lanes.forEach((lane, place) => {
      lane.select.addEventListener("change", () => {
        this.say("Loading the driver.");
        this.worker.postMessage({ seat: this.names });
        this.seat();
      });
      this.listenToPointer(lane, place);
    });
    this.listenToKeys();
    for (const pad of this.panel.querySelectorAll(".wheel-pad")) this.listenToPad(pad);
  }

  /** Show the reader's own controls where the reader drives. */
  seat() {
    const driven = this.names.includes("you");
    this.find("hands").hidden = !driven;
    if (driven) this.find("hands").focus({ preventScroll: true });
  }

  listenToPointer(lane, place) {
    const { trackElement: track } = lane, move = ({ clientX, clientY }) => {
      const { left, top } = track.getBoundingClientRect();
      this.dragged = { place, left: clientX - left, top: clientY - top };
      this.drag();
    };
    track.addEventListener("pointerdown", (event) => {
      track.setPointerCapture(event.pointerId);
      move(event);
    });
    track.addEventListener("pointermove", (event) => { if (this.dragged) move(event); });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) track.addEventListener(end, () => this.release());
  }

  /** Pull toward where the pointer is: the view moves with the cheetah, so its place on the track is another at every step. */
  drag() {
    const { place, left, top } = this.dragged, lane = this.lanes[place];
    lane.target = lane.track.place(left, top);
    this.worker.postMessage({ drag: { lane: place, target: lane.target } });
  }

  release() {
    if (!this.dragged) return;
    const { place } = this.dragged;
    this.dragged = null;
    this.lanes[place].target = null;
    this.worker.postMessage({ drag: { lane: place, target: null } });
  }

  /** Held keys turn their joints one way, with Shift the other. */
  listenToKeys() {
    const hands = this.find("hands");
    const hold = (joint, torque) => {
      this.torques[joint] = torque;
      this.worker.postMessage({ torques: this.torques });
    };
    hands.addEventListener("keydown", (event) => {
      const joint = KEYS.indexOf(event.code);
      if (joint < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      hold(joint, event.shiftKey ? -1 : 1);
    });
    hands.addEventListener("keyup", ({ code }) => { if (KEYS.includes(code)) hold(KEYS.indexOf(code), 0); });
    hands.addEventListener("blur", () => KEYS.forEach((_, joint) => hold(joint, 0)));
  }

  /** A thumb on a pad: across it turns the thigh, up and down the shin and the foot. */
  listenToPad(pad) {
    const first = Number(pad.dataset.first);
    const hold = (across, up) => {
      this.torques.set([across, up, up], first);
      this.worker.postMessage({ torques: this.torques });
    };
    const move = ({ clientX, clientY }) => {
      const { left, top, width, height } = pad.getBoundingClientRect(), cut = (value) => Math.max(-1, Math.min(1, value));
      hold(cut((2.4 * (clientX - left)) / width - 1.2), cut(1.2 - (2.4 * (clientY - top)) / height));
    };
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      move(event);
    });
    pad.addEventListener("pointermove", (event) => { if (pad.hasPointerCapture(event.pointerId)) move(event); });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(end, () => hold(0, 0));
  }
}

/**
 * Load what runs and put it in the place of the picture.
 * @param {HTMLElement} figure of _includes/wheel.html
 * @param {(bytes: number) => void} progress
 * @throws {string} why it may not run, a sentence
 */
export async function start(figure, progress) {
  const reason = missing();
  if (reason) throw reason;
  const panel = new Panel(figure);
  try {
    await panel.load(progress);
  } catch (failed) {
    panel.worker.terminate();
    throw failed;
  }
  panel.show();
}
