# frozen_string_literal: true

require "json"
require "zlib"

# Publishes what the explorables of assets/touch/ show: a module of data for each, `assets/touch/<name>.data.js`, made from the
# evidence whenever the site is built. (The page's policy lets it load scripts, and nothing by `fetch`.) `site.touch` tells
# the page, for each explorable, its module and the results that it shows.
class Touch < Jekyll::Generator
  # The arrays of an .npz file, by name: each flat, of numbers.
  module Arrays
    TYPES = { "<f4" => "e*", "<f8" => "E*", "<i8" => "q<*", "|u1" => "C*" }.freeze

    def self.read(path)
      bytes = File.binread(path)
      count, at = bytes[-22..].unpack("x10vx4V") # the end of the zip's directory: how many files, and where it begins
      Array.new(count) do
        size, name, extra, comment, start = bytes[at..].unpack("x20Vx4v3x8V")
        key = bytes[at + 46, name].delete_suffix(".npy")
        at += 46 + name + extra + comment
        [key, numbers(inflated(bytes, start, size))]
      end.to_h
    end

    def self.inflated(bytes, start, size)
      name, extra = bytes[start..].unpack("x26v2")
      Zlib::Inflate.new(-Zlib::MAX_WBITS).inflate(bytes[start + 30 + name + extra, size])
    end

    def self.numbers(array)
      length = array.unpack1("x8v")
      type = array[10, length][/'descr': '([^']+)'/, 1]
      array[(10 + length)..].unpack(TYPES.fetch(type))
    end
  end

  FRAMES = (40...120).freeze # of a rollout: seconds 2 to 6, at 20 control steps a second
  POSITIONS = 9 # of a cheetah: x, z, the torso's angle, then those of six joints
  ACTING = 58 # the latest state token, of sixty, at which the action is read
  COST_STEPS = 4000 # to a nat: what LEAP says of an action is published in 16 bits

  DRIVERS = {
    "narrow" => [/\Alocal_dt_halfcheetah_\d+\z/, "returns/local_halfcheetah_medium"],
    "wide" => [/\Alocal_dt_halfcheetah_throttled_(q\d\d|beyond)\z/, "datasets/local_halfcheetah_throttled"],
  }.freeze # evaluations, and what tells the returns of the log that their model learned from

  def generate(site)
    @site = site
    site.config["touch"] = {}
    publish("dial") { dial }
    publish("heed") { heed }
    publish("refiner") { refiner }
  end

  # Publishes an explorable where its evidence is there: a page that asks for one that is not fails to build.
  def publish(name)
    @reads = []
    data = yield
    page = Jekyll::PageWithoutAFile.new(@site, @site.source, "assets/touch", "#{name}.data.js")
    page.content = "export default #{JSON.generate(data)};\n"
    page.data.merge!("layout" => nil, "render_with_liquid" => false)
    @site.pages << page
    @site.config["touch"][name] = { "module" => "/assets/touch/#{name}.js", "reads" => @reads.join(" ") }
  rescue KeyError, Errno::ENOENT
    nil
  end

  def result(name)
    @reads << name
    kind, key = name.split("/")
    content = @site.data.fetch(kind).fetch(key)
    [content.fetch("values"), content["run"]]
  end

  def arrays(name)
    Arrays.read(File.join(@site.source, "results", "#{name}.npz"))
  end

  # Both models, each with its log's returns and with all that was measured of it, in the order of what was asked.
  def dial
    DRIVERS.to_h do |driver, (names, log)|
      values, = result(log)
      evaluated = @site.data.fetch("evaluations").keys.grep(names)
      raise KeyError if evaluated.empty?

      asked = evaluated.map { |name| asking(name) }.sort_by { |each| each["asked"] }
      [driver, { "episodes" => values["episodes"], "histogram" => values.fetch("return_histogram"), "asked" => asked }]
    end
  end

  def asking(name)
    values, run = result("evaluations/#{name}")
    result("rollouts/#{name}")
    told = values.slice("returns", "return_mean", "return_low", "return_high")
    { "asked" => run["target_return"], **told, "poses" => poses(arrays("rollouts/#{name}")["positions"]) }
  end

  # Positions (frame, 9) in thousandths of a meter, from the first frame's place on, and of a radian.
  def poses(positions)
    frames = positions.each_slice(POSITIONS).to_a[FRAMES]
    first = frames.first.first
    packed(frames.flat_map { |x, *rest| [x - first, *rest] }.map { |each| (1000 * each).round }, "s<*")
  end

  def packed(numbers, format)
    [numbers.pack(format)].pack("m0")
  end

  # Attention and what exchanging tokens does, trained and untrained; and where the acting token looks, layer by layer.
  def heed
    values, = result("attention/local_dt_halfcheetah")
    tokens = values["tokens"]
    rows = arrays("attention/local_dt_halfcheetah").slice("attention", "attention_untrained").values.map do |maps|
      maps.each_slice(tokens * tokens).map { |map| map[ACTING * tokens, ACTING + 1].map { |weight| weight.round(4) } }
    end
    models = ["", "_untrained"].zip(rows).map do |suffix, looks|
      shares = values["shares#{suffix}"].transform_values { |layers| layers.map(&:first) }
      { "shares" => shares, "changes" => values["action_change#{suffix}"], "looks" => looks }
    end
    { "contexts" => values["contexts"], "uniform" => values["uniform"], "trained" => models[0], "untrained" => models[1] }
  end

  # What LEAP says of every action of one plan, in 1/COST_STEPS of a nat; the room, and how LEAP revised the plan itself.
  def refiner
    values, = result("conditionals/local_leap_go_to_local_s8n7")
    shown, = result("refined/local_leap_go_to_local_s8n7")
    room = arrays("refined/local_leap_go_to_local_s8n7")
    costs = arrays("conditionals/local_leap_go_to_local_s8n7")["costs"].map { |each| (COST_STEPS * each).round }
    Formulas.stop("An action costs #{costs.max / COST_STEPS} nats: 16 bits hold fewer.", @site) if costs.max >= 2**16
    side = Math.sqrt(room["image"].length / 3).to_i
    {
      "mission" => values["mission"], "least" => values["least_energy"], "plans" => values["plans"],
      "costs" => packed(costs, "S<*"), "steps" => COST_STEPS,
      "cells" => room["image"].each_slice(3).map { |object, color, _| [object, color] }.each_slice(side).to_a,
      "pose" => room["pose"], "goal" => room["goal"], "history" => room["history"].each_slice(shown["horizon"]).to_a,
      "energies" => room["energies"].map { |each| each.round(4) },
    }
  end
end
