/** The page's side: controls, what is told, and when it may run. All else is the worker's. */
import { between, colors, POSE, Returns, Strip, Track } from "./drawing.js";
import { missing, sentence } from "./reasons.js";

const PERIOD = 50, CONTEXT_STEPS = 20, EPISODE_STEPS = 1000, FRAMES = 5;
const DRIVERS = ["dt_0", "dt_12000", "wide_0", "wide_4714"]; // of each lane, before the reader chooses others
const GRASP = 0.6; // meters from the middle of the torso, at which a finger is on the cheetah
const BEGIN_WITH = 2, YOURS = 1; // lanes; the lane that the reader takes
const KEYS = [..."ASDJKL"]; // hind thigh, shin, foot; fore thigh, shin, foot
const NO_MODULES = "This browser starts no module workers, in which the simulator and the models run.";
const NO_FILE = "It cannot run here: assets/wheel/worker.js, or a module that it imports, could not be loaded.";

/** Numbers as the page writes them: a true minus sign, none before a zero, thin spaces between thousands from 10 000 up. */
function written(number, digits = 0) {
  const text = (Number(number.toFixed(digits)) + 0).toFixed(digits).replace("-", "\u2212");
  return Math.abs(number) < 10000 ? text : text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** One lane: a driver's name, a track, and what is told of it. */
class Lane {
  /** @param {HTMLElement} element to be taken as it is @param {number} place counted from 0 */
  constructor(element, place) {
    Object.assign(this, { element, place, select: element.querySelector("select"), pull: null });
    this.told = Object.fromEntries([...element.querySelectorAll("[data-told]")].map((each) => [each.dataset.told, each]));
    this.trackElement = element.querySelector(".wheel-track");
    this.strip = new Strip(element.querySelector(".wheel-attention"));
    this.name();
    this.begin(null, null);
  }

  /** Say which lane it is, and who drives it at first. */
  name() {
    const { element, place, select, trackElement, strip } = this, name = `Lane ${place + 1}`;
    element.setAttribute("aria-label", name);
    element.querySelector("b").textContent = name;
    trackElement.setAttribute("aria-label", `${name}: a cheetah made of rods on a track, arcs at its joints for the torques.`);
    strip.canvas.element.setAttribute(
      "aria-label", `${name}: where the acting token looks, a row for each layer: returns, states and actions of the last 20 steps.`,
    );
    this.seat(DRIVERS[place]);
  }

  /** Show who drives; `before` is who drives where the reader does not. */
  seat(name) {
    this.select.value = name;
    if (name !== "you") this.before = name;
  }

  /** Forget the last episode; `frame` is how the cheetah stands. */
  begin(asked, frame) {
    Object.assign(this, { asked, frame, got: [], milliseconds: [] });
    this.told.asked.textContent = asked === null ? "nothing" : written(asked);
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
    const { element, milliseconds } = this, mean = milliseconds.reduce((sum, each) => sum + each, 0) / Math.max(1, milliseconds.length);
    const told = {
      total: written(frame.total), distance: written(frame.distance), speed: written(frame.torso.dx, 1),
      milliseconds: written(mean, mean < 10 ? 1 : 0),
    };
    for (const [name, text] of Object.entries(told)) {
      if (this.told[name].textContent !== text) this.told[name].textContent = text;
    }
    element.style.setProperty("--share", Math.min(1, mean / PERIOD).toFixed(2));
    element.classList.toggle("late", mean > PERIOD);
    element.classList.toggle("attends", Boolean(frame.attention));
    element.dataset.force = Math.round(Math.hypot(frame.force.x, frame.force.z));
    element.dataset.torque = frame.torques.reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0).toFixed(2);
    element.dataset.imagined = frame.imagined?.length ?? 0;
  }

  /** To where it is dragged, on the track: the view moves with the cheetah, so that is another place at every step. */
  get target() {
    return this.pull && this.track.place(this.pull.left, this.pull.top);
  }

  /** Whether a place on the track, in CSS pixels, is at the cheetah's torso. */
  reaches(left, top) {
    if (!this.frame) return false;
    const { x, z } = this.track.place(left, top), { torso } = this.frame;
    return Math.hypot(x - torso.x, z - torso.z) < GRASP;
  }

  /** Draw the cheetah as it was `share` of a control step after the frame began. */
  draw(share, palette, keys) {
    if (!this.frame) return;
    const { poses } = this.frame, place = Math.min(share * FRAMES, FRAMES - 1), before = Math.floor(place);
    const at = (index) => poses.subarray(index * POSE, (index + 1) * POSE);
    const pose = between(at(before), at(Math.min(before + 1, FRAMES - 1)), place - before);
    this.track.draw({ ...this.frame, pose, target: this.target, keys }, palette);
  }
}

/** The whole panel, once the reader has asked for it. */
class Panel {
  constructor(figure) {
    const panel = figure.querySelector("template").content.firstElementChild.cloneNode(true);
    Object.assign(this, { figure, panel, wanted: !matchMedia("(prefers-reduced-motion: reduce)").matches, visible: true });
    this.find = (name) => panel.querySelector(`.wheel-${name}`);
    const [first] = this.find("lanes").children, others = DRIVERS.slice(1).map(() => first.cloneNode(true));
    this.find("lanes").append(...others);
    this.lanes = [first, ...others].map((element, place) => new Lane(element, place));
    this.returns = new Returns(this.find("returns"));
    Object.assign(this, { count: BEGIN_WITH, waiting: 0, seated: [], held: new Set(), torques: new Float32Array(KEYS.length) });
  }

  /** Lanes that the reader wants. */
  get wantedLanes() {
    return this.lanes.slice(0, this.count);
  }

  /** Lanes that stand or run. */
  get shown() {
    return this.lanes.filter(({ element }) => !element.hidden);
  }

  /** Start the worker; resolves when the cheetahs stand on their tracks. */
  load(progress) {
    let understood = false; // a browser without module workers does not look at the type
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { get type() { understood = true; return "module"; } });
    return new Promise((resolve, reject) => {
      this.worker.onerror = (event) => {
        event.preventDefault();
        reject(understood ? NO_FILE : NO_MODULES);
      };
      this.worker.onmessage = ({ data }) => {
        this.worker.onerror = null;
        if (data.loaded) progress(data.loaded);
        if (data.ready) for (const lane of this.lanes) lane.track = new Track(lane.trackElement, data.ready.radii);
        if (data.failed) reject(data.failed);
        if (data.began) this.begin(data.began);
        if (data.seated) resolve(data.seated);
      };
      this.ask();
    });
  }

  /** Ask the worker for the drivers that are chosen. */
  ask() {
    this.waiting += 1;
    this.worker.postMessage({ seat: this.wantedLanes.map(({ select }) => select.value) });
  }

  /** Put the panel into the page and let it run. */
  show(seated) {
    const { figure, worker } = this;
    const before = figure.querySelector(".wheel-before"); // stays for print
    before.after(this.panel);
    before.hidden = true;
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
    this.hear.seated.call(this, seated);
    this.order();
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

    frame(frames) {
      const now = performance.now();
      this.interval = Math.min(1000, Math.max(PERIOD, now - (this.arrived ?? now)));
      this.arrived = now;
      this.worker.postMessage({ taken: true });
      frames.forEach((frame, place) => this.lanes[place].take(frame));
      this.find("step").textContent = written(frames[0].steps);
      this.news = true;
      this.tellPace(now);
      for (const { place, target } of this.shown) if (target) this.worker.postMessage({ drag: { lane: place, target } });
      if (!this.running) this.draw();
    },

    seated(names) {
      this.seated = names;
      this.settle();
      this.say("");
    },

    failed(reason) {
      this.settle();
      this.say(reason);
    },
  };

  /** Once the worker has answered the last that was asked: show who drives, which may not be who was asked for. */
  settle() {
    this.waiting = Math.max(0, this.waiting - 1);
    if (this.waiting) return;
    this.count = this.seated.length;
    this.figure.dataset.drivers = this.seated.join(" ");
    this.wantedLanes.forEach((lane, place) => lane.seat(this.seated[place]));
    const loaded = new Set(this.seated.map((name) => this.option(name).dataset.checkpoint));
    for (const option of this.panel.querySelectorAll("option")) {
      if (loaded.has(option.dataset.checkpoint)) option.textContent = option.dataset.label;
    }
    const more = this.find("more");
    if (this.lanes.slice(BEGIN_WITH).every(({ before }) => loaded.has(this.option(before).dataset.checkpoint))) {
      more.dataset.more = more.dataset.more.replace(/ \(.*/, "");
    }
    more.textContent = more.dataset[this.count > BEGIN_WITH ? "fewer" : "more"];
    this.give();
  }

  option(name) {
    return this.panel.querySelector(`option[value=${name}]`);
  }

  begin({ asked, frames }) {
    if (this.lanes[0].got.length === EPISODE_STEPS) {
      const totals = this.shown.map(({ got }) => written(got.at(-1)));
      this.find("last").textContent = `Last episode: ${totals.join(", ")}.`;
    }
    for (const lane of this.lanes) {
      lane.element.hidden = lane.place >= frames.length;
      if (!lane.element.hidden) lane.begin(asked[lane.place], frames[lane.place]);
    }
    this.find("step").textContent = "0";
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
    const share = this.running ? (performance.now() - this.arrived) / this.interval : 1, { shown } = this;
    for (const lane of shown) lane.draw(share, this.palette, this.seated[lane.place] === "you" ? KEYS : undefined);
    if (this.running && !this.news) return;
    this.news = false; // what does not move between frames is drawn once for each
    for (const lane of shown) lane.strip.draw(lane.frame?.attention, CONTEXT_STEPS, this.palette);
    this.returns.draw(shown, EPISODE_STEPS, this.palette);
  }

  say(sentence) {
    this.find("status").textContent = sentence;
  }

  listen() {
    const click = (name, listener) => this.find(name).addEventListener("click", listener);
    click("run", () => { this.wanted = !this.wanted; this.order(); });
    click("restart", () => this.worker.postMessage({ restart: true }));
    click("take", () => this.take());
    click("more", () => {
      this.count = this.count > BEGIN_WITH ? BEGIN_WITH : this.lanes.length;
      this.change();
    });
    for (const button of this.panel.querySelectorAll("[data-push]")) {
      button.addEventListener("click", () => this.worker.postMessage({ push: { name: button.dataset.push } }));
    }
    for (const lane of this.lanes) {
      lane.select.addEventListener("change", () => this.choose(lane));
      this.listenToPointer(lane);
    }
    this.listenToKeys();
    for (const pad of this.panel.querySelectorAll(".wheel-pad")) this.listenToPad(pad);
  }

  /** A driver was chosen for a lane; the reader drives one at a time, and gives another back. */
  choose(lane) {
    const others = this.lanes.filter(({ select }) => select !== lane.select && select.value === "you");
    if (lane.select.value === "you") for (const { select, before } of others) select.value = before;
    this.change();
  }

  /** Drivers or lanes were chosen. */
  change() {
    const unread = this.wantedLanes.some(({ select: { selectedOptions: [option] } }) => option.textContent !== option.dataset.label);
    this.say(unread ? "Loading the driver." : "");
    this.ask();
    this.give();
  }

  /** The lane that the reader drives. */
  get yours() {
    return this.wantedLanes.find(({ select }) => select.value === "you");
  }

  /** Let the reader drive a lane, or give it back to whom it was taken from. */
  take() {
    const lane = this.yours ?? this.lanes[YOURS];
    lane.select.value = this.yours ? lane.before : "you";
    this.choose(lane);
  }

  /** Show the reader's own controls under the lane that the reader drives. */
  give() {
    const hands = this.find("hands"), { yours } = this;
    for (const lane of this.lanes) lane.element.classList.toggle("yours", lane === yours);
    this.find("take").textContent = yours ? "Give the wheel back" : "Take the wheel yourself";
    if (yours && hands.hidden) this.handOver(yours, hands);
    hands.hidden = !yours;
    if (yours) this.turn(0, []); // a policy that has just been made knows nothing of what is held
    else this.release();
  }

  handOver({ element, trackElement }, hands) {
    trackElement.after(hands);
    hands.hidden = false;
    hands.focus({ preventScroll: true });
    const { top, bottom } = element.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) element.scrollIntoView({ block: "start" });
  }

  /** Drag a cheetah toward where a pointer is. */
  listenToPointer(lane) {
    const { trackElement: track, place } = lane;
    const pull = (to) => {
      lane.pull = to;
      this.worker.postMessage({ drag: { lane: place, target: lane.target } });
      if (!this.running) this.draw();
    };
    const move = ({ clientX, clientY }) => {
      const { left, top } = track.getBoundingClientRect();
      pull({ left: clientX - left, top: clientY - top });
    };
    track.addEventListener("touchstart", (event) => { // a finger on the cheetah drags it up, too; beside it, it scrolls the page
      const [{ clientX, clientY }] = event.touches, { left, top } = track.getBoundingClientRect();
      if (lane.reaches(clientX - left, clientY - top)) event.preventDefault();
    }, { passive: false });
    track.addEventListener("pointerdown", (event) => {
      track.setPointerCapture(event.pointerId);
      move(event);
      if (this.yours) this.find("hands").focus({ preventScroll: true });
    });
    track.addEventListener("pointermove", (event) => { if (lane.pull) move(event); });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      track.addEventListener(end, () => { if (lane.pull) pull(null); });
    }
  }

  /** Turn the reader's joints. */
  turn(first, torques) {
    this.torques.set(torques, first);
    this.worker.postMessage({ torques: this.torques });
  }

  /** Held keys turn their joints one way, with Shift the other: by the letter that is printed, or its place on the keyboard. */
  listenToKeys() {
    const { panel, held } = this;
    const joint = ({ key, code }) => KEYS.indexOf((/^[a-z]$/i.test(key) ? key : code.replace("Key", "")).toUpperCase());
    panel.addEventListener("keydown", (event) => {
      if (!this.yours || event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (joint(event) >= 0) {
        event.preventDefault();
        held.add(joint(event));
      } else if (event.key !== "Shift") return;
      this.hold(event.shiftKey);
    });
    panel.addEventListener("keyup", (event) => {
      if (held.delete(joint(event)) || (event.key === "Shift" && held.size)) this.hold(event.shiftKey);
    });
    panel.addEventListener("focusout", ({ relatedTarget }) => { if (!panel.contains(relatedTarget)) this.release(); });
  }

  /** Turn the joints whose keys are held. */
  hold(otherWay) {
    const { held } = this;
    this.turn(0, KEYS.map((_, joint) => (held.has(joint) ? (otherWay ? -1 : 1) : 0)));
    for (const key of this.panel.querySelectorAll("kbd")) key.classList.toggle("held", held.has(KEYS.indexOf(key.textContent)));
  }

  /** Hold no key any more. */
  release() {
    if (!this.held.size) return;
    this.held.clear();
    this.hold(false);
  }

  /** A thumb on a pad: across it turns the thigh, up and down the shin and the foot. */
  listenToPad(pad) {
    const hold = (across, up) => {
      this.turn(Number(pad.dataset.first), [across, up, up]);
      pad.style.setProperty("--across", across.toFixed(2));
      pad.style.setProperty("--up", up.toFixed(2));
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
  const seated = await panel.load(progress).catch((failed) => {
    panel.worker.terminate();
    throw failed;
  });
  panel.show(seated);
}
