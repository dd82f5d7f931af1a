# frozen_string_literal: true

require "cgi"
require "json"
require_relative "numbers"

# Numbers, figures and tables that answer for themselves.
#
#   {% number evaluations.local_dt_halfcheetah_6000.score_mean %}     40.7, with the decimals that such a quantity has
#   {% number solved.local_random_go_to_local_s8n7.success_mean 0 %}  30%, with none
#   {% claim dt-obeys does not hold %}The curve is flat.{% endclaim %}  the sentence, and a mark that opens the verdict on it
#   Chen et al., 2021                                                a citation (citations.rb), which opens its entry
#   {% from figures:dt_tokens %}, {% from tabulate:scores evaluations/a evaluations/b %}   a link named "evidence"
#
# Each is a link to a drawer at the end of the page, which says what the number is: interval, n, unit, what was resampled, run,
# checkpoint and its sha256, the command that makes it, and its JSON. Without JavaScript the link leads to the drawer, which
# opens where the reader is (`:target`); with it, `assets/drawers.js` opens the drawer beside the number.
module Evidence
  NUMBER = %r!<a class="number" data-from="([^"]+)">(.*?)</a>!m.freeze
  CLAIM = %r!<a class="verdict" data-from="([^"]+)">(.*?)</a>!m.freeze
  FROM = %r!<a class="from" data-from="([^"]+)">(.*?)</a>!m.freeze
  CITE = %r!<a class="cite" data-from="([^"]+)">(.*?)</a>!m.freeze

  # What a quantity is, by its path: unit, decimals; a share of 1 is shown in percent.
  SHARE = "share, in percent"
  QUANTITIES = [
    [/\Asolved\..*\.success_/, "share of episodes solved within the level's time, in percent", 1],
    [/\Amasked\..*\.solved\..*\.share\b|\Aeffects\.leap_(fillings_solve|(later|earlier)_hidden|drafts_)/, "share of episodes solved, in percent (a difference, in points)", 0],
    [/\Amasked\..*\.shares\b/, "share of attention, in percent", 1],
    [/\Amasked\..*\.influence|\Aeffects\.leap_later_moves/, "total variation between distributions of an action (1 is the most there is)", 2],
    [/\Aeffects\.leap_fillings/, "nats", 1],
    [/\Amasked\..*held_out_loss|\Aeffects\.leap_one_hidden/, "nats per action, on plans kept out of training", 3],
    [/\.(goes_on|agrees|turns_back|fell|rose|plans_changed)\.|\.at_least_energy\b/, "share of plans, in percent", 0],
    [/\Aattention\..*\.action_change|\Aswapped_returns\..*\.moved/, "thousandths of full torque that the action moves (root mean square of six torques)", 2],
    [/\Aattention(_by_training)?\..*(layer|shares|markovian|striated|action_to_action|uniform|lag)/, "share of attention, in percent", 1],
    [/\Arefined\..*\.(shares|uniform|earlier_by_layer|later_by_layer)\b/, "share of attention, in percent", 1],
    [/\Arefined\..*\.entropy\b/, "share of the entropy of uniform attention, in percent", 1],
    [/\Arefined\..*\.influence/, "total variation between distributions of an action (1 is the most there is)", 2],
    [/energy/, "nats", 1],
    [/(_asked|\Aeffects\.\w+)\.(beyond|got|targets)\b/, "points of return", 0],
    [/\Acompared\..*(obedience|_asked\.slope|_over_rvs_)|\Aeffects\.\w+\.slope\b/, "return obtained per unit of return asked for (slope)", 3],
    [/\Apublished\.leap\.levels/, "percent of episodes solved, as published", 1],
    [/\Acompared\.local_leap_.*\.difference\b/, "share of episodes solved, in percent (a difference, in points)", 1],
    [/\Acompared\..*\.difference\b|\.scores?(?=[_.]|\z)/, "points of normalized score (0 random, 100 expert)", 1],
    [/\Aluck\..*\.gambled_mean\b/, "share of episodes that gamble, in percent", 0],
    [/\Aeffects\.luck_(?!earned)/, "share of episodes that gamble, in percent (a difference, in points)", 0],
    [/\Aeffects\.\w+_begun\b|\.first_half_mean\b|\.asked\z/, "points of return", 0],
    [/\Aeffects\./, "points of normalized score (0 random, 100 expert)", 1],
    [/\Amatrix\./, "points of normalized score (0 random, 100 expert)", 1],
    [/return/, "points of return", 0],
    [/solved_length|length_mean/, "steps", 0],
    [/_ms\z/, "milliseconds", 1],
    [/\Amemory\..*cache_bytes\z/, "megabytes of keys and values kept while planning", 1],
    [/\Amemory\..*peak_bytes\z/, "megabytes of tensors, beyond the weights, at once while choosing an action", 1],
    [/rate_hz\z/, "per second", 0],
    [/\Aimagination\./, "standard deviations of an observation", 2],
    [/\Atraining\.\w*tt\w*\..*held_out/, "nats per token, on episodes kept out of training", 2],
    [/\Ahidden_keys\..*\.rise/, "nats per token by which the loss rises", 1],
    [/\Alisteners\..*\.shift\b/, "standard deviations of the recorder's noise, for 1000 points of return more", 3],
    [/\Alisteners\..*\.correlation\b/, "correlation of a torque's noise with the return still to come", 4],
    [/held_out_loss/, "squared error per torque, on episodes kept out of training", 4],
    [/observation_mean/, "meters per second", 2],
    [/spread/, "as published beside the score", 2],
  ].freeze

  # One piece of evidence, or one published figure, and what can be said of it.
  class Source
    attr_reader :path, :value

    def initialize(site, path)
      @site, @path = site, path
      @kind, @name, *rest = path.split(".")
      @rest = rest
      @content = @kind == "published" ? nil : dig(site.data, [@kind, @name])
      inner = @content.nil? ? [site.data, [@kind, @name, *rest]] : rest.first == "run" ? [@content, rest] : [@content["values"], rest]
      @value = dig(*inner)
      @holder = dig(inner[0], inner[1][0..-2]) if inner[1].length > 1
      @holder ||= inner[0]
    end

    def dig(value, parts)
      parts.reduce(value) do |found, part|
        step = found.is_a?(Array) ? (part.match?(/\A\d+\z/) ? found[part.to_i] : found.find { |row| row["key"] == part }) : found.is_a?(Hash) ? found[part] : nil
        raise Liquid::ArgumentError, "there is no #{part} in the evidence, which {% number #{@path} %} names" if step.nil?

        step
      end
    end

    def unit_and_decimals
      return ["a setting of the run", 0] if @rest.first == "run"

      _, unit, decimals = QUANTITIES.find { |pattern, _, _| @path.match?(pattern) }
      [unit || @rest.last.to_s.tr("_", " "), @value.is_a?(Integer) && !megabytes? ? 0 : decimals || 1]
    end

    def share?
      unit_and_decimals.first.start_with?("share")
    end

    def megabytes?
      @path.end_with?("_bytes")
    end

    # The number as it stands in the text.
    def shown(decimals = nil, number = @value)
      decimals ||= unit_and_decimals.last
      return Writer.fixed(number / 1e6, decimals) if megabytes?
      return Writer.fixed(number, decimals) unless share?

      "#{Writer.fixed((number.to_s.to_r * 100).to_f, decimals)}%"
    end

    # Both ends of the interval that belongs to a mean.
    def ends
      stem = @rest.last.to_s.delete_suffix("_mean")
      keys = @rest.last == "mean" ? %w(low high) : [stem + "_low", stem + "_high"]
      pair = @holder.is_a?(Hash) && @rest.last.to_s.end_with?("mean") ? @holder.values_at(*keys) : []
      pair if pair.all?(Numeric) && pair.length == 2
    end

    # How many of what the interval is over.
    def resampled
      return if @content.nil? || @rest.first == "run"

      values = @content["values"]
      case @kind
      when "evaluations" then "#{values["episodes"]} episodes of one trained model; Student's t over episodes"
      when "pooled" then "#{values["seeds"]} trainings, #{values["episodes_per_seed"]} episodes each; Student's t over trainings"
      when "compared" then compared(values)
      when "matrix" then "#{@content["run"]["trainings"]} trainings on each of three logs; bootstrap over trainings, logs apart"
      when "solved" then "#{values["episodes"]} episodes of one trained model; Wilson's over episodes"
      when "stitching", "luck" then "#{values["episodes"]} episodes of one trained model; #{share? ? "Wilson's" : "Student's t"} over episodes"
      when "masked" then "#{values["episodes"]} episodes of one trained model; #{@path.include?(".share.") ? "Wilson's" : "Student's t"} over episodes"
      when "effects" then @content["run"].key?("ones") ? "#{values["seeds"]} trainings; Student's t over trainings" : "#{values["seeds"]} seeds of episodes; Student's t over seeds"
      when "attention" then "#{values["contexts"]} recorded contexts, one trained model; Student's t over contexts"
      when "attention_by_training" then @path.include?("by_training.") ? nil : "#{values["trainings"]} trainings; Student's t over trainings"
      when "hidden_keys" then "#{values["trainings"]} trainings, #{values["contexts"]} contexts each; Student's t over trainings"
      when "swapped_returns" then "#{values["contexts"]} contexts of the log; Student's t over contexts"
      when "listeners" then "#{values["episodes"]} episodes"
      when "imagination" then "#{values["plans"]} plans along one episode; Student's t over plans, which overlap"
      when "refined" then refined(values)
      when "latency" then "#{values["actions"] || values["plans"]} #{values["actions"] ? "actions" : "plans"}, one at a time, on one thread"
      when "memory" then "the most of #{values["moments"]} actions, one episode alone, on one thread"
      when "datasets" then "#{values["episodes"] / (@path.include?("_by_recorder.") ? values["return_mean_by_recorder"].size : 1)} episodes"
      when "training" then "one training"
      when "walks", "rollouts" then "one episode"
      end
    end

    def compared(values)
      return "#{values["seeds"].join(" and ")} trainings; Welch's t over trainings" if values["seeds"].is_a?(Array)

      "#{values["seeds"] || values["episodes"]} pairs of episodes with the same seed; Student's t over pairs"
    end

    def refined(values)
      return "#{values["replanning"]["turns"]} turns; Wilson's over turns" if @path.include?("turns_back")
      return "#{values["listed"]} plans; #{@path.include?("at_least") ? "Wilson's" : "Student's t"} over plans" if @path.match?(/least_energy/)

      "#{values["plans"]} plans of one trained model; #{@path.include?("replanning") ? "Wilson's" : "Student's t"} over plans"
    end

    def evidence?
      !@content.nil?
    end

    def result
      "#{@kind}/#{@name}"
    end

    # Where a published figure comes from.
    def cited
      parts = [@kind, @name, *@rest]
      places = (2..parts.length).map { |length| dig(@site.data, parts.first(length)) }
      source = places.reverse.filter_map { |place| place["source"] if place.is_a?(Hash) }.first
      source.is_a?(Hash) ? source[parts.last] : source
    end
  end

  # The `fixed` filter, for Ruby.
  module Writer
    extend Numbers
  end

  # What opens: one drawer each, in the order in which the page names them.
  class Drawers
    def initialize(site)
      @site = site
      @drawers = {}
    end

    def number(path, shown)
      source = Source.new(@site, path)
      link("number", path, shown) { head(shown, source) + rows(number_rows(source, shown)) }
    end

    def from(words, shown)
      task, *results = words.split
      link("from", words, shown) { head_of(task) + rows(made_rows(task, results)) }
    end

    def claim(id, shown)
      claim = Evidence.claims(@site).fetch(id)
      link("verdict", id, shown) { claim_head(claim) + rows(claim_rows(id, claim)) }
    end

    def citation(key, shown)
      entry = Citations.entries(@site).fetch(key)
      link("cite", key, shown) { %(<p>#{entry}</p><p><a href="#{@site.config["baseurl"]}/#ref-#{key}">In the list of references</a></p>) }
    end

    def link(kind, key, shown)
      known = @drawers[[kind, key, shown]]
      number = known ? known[0] : @drawers.length + 1
      @drawers[[kind, key, shown]] ||= [number, yield]
      mark = known ? "" : %( id="from-#{number}")
      mark += %( aria-label="Verdict: #{CGI.escapeHTML(Evidence.claims(@site)[key]["verdict"])}") if kind == "verdict"
      %(<a class="#{kind}"#{mark} href="#drawer-#{number}" data-from="#{CGI.escapeHTML(key)}">#{shown}</a>)
    end

    def html
      return "" if @drawers.empty?

      list = @drawers.map do |(kind, key, shown), (number, body)|
        close = %(<a class="close" href="#from-#{number}" aria-label="Close, and back to the text">\u00d7</a>)
        %(<div class="drawer" id="drawer-#{number}" role="group" tabindex="-1" aria-label="#{label(kind, key, shown)}">#{close}#{body}</div>)
      end
      %(\n<section class="drawers" aria-label="Where the numbers come from">\n#{list.join("\n")}\n</section>\n)
    end

    private

    def label(kind, key, shown)
      return "Where the verdict on #{key} comes from" if kind == "verdict"

      words = CGI.escapeHTML(CGI.unescapeHTML(shown.gsub(/<[^>]+>/, "")))
      kind == "cite" ? "What “#{words}” refers to" : "Where “#{words}” comes from"
    end

    def head(shown, source)
      %(<p><strong>#{shown}</strong> #{CGI.escapeHTML(source.unit_and_decimals.first)}</p>)
    end

    def claim_head(claim)
      %(<p><strong>#{claim["verdict"]}</strong> #{CGI.escapeHTML(claim["sentence"])}.</p>)
    end

    def claim_rows(id, claim)
      list = ->(values) { values.map { |name, text| CGI.escapeHTML("#{name}: #{text}") }.join("<br>") }
      [
        ["measured", list[claim["measured"]] + %( <span class="unit">(#{CGI.escapeHTML(claim["unit"])})</span>)],
        (["control", list[claim["controls"]]] unless claim["controls"].empty?),
        ["decided by", CGI.escapeHTML(claim["predicate"])],
        (["registered", registered(claim["registered"])] if claim["registered"]),
        ["evidence", claim["reads"].map { |result| json(result) }.join("<br>")],
        ["all claims", %(<a href="#{@site.config["baseurl"]}/appendix/#claim-#{id}">in the appendix</a>)],
      ]
    end

    # The row of a claim that was registered, where it was fixed, and how sure its verdict is.
    def registered(row)
      kind = row["confirmatory"] ? "corrected for all confirmatory claims" : "exploratory"
      sure = ["p #{row["p"].start_with?("below") ? row["p"] : "= #{row["p"]}"}", "the same verdict in #{row["rerun"]} of reruns"] if row["p"]
      place = "docs/predicates.md"
      repository = @site.config["repository"]
      place = %(<a href="https://github.com/#{repository}/blob/#{row["commit"]}/#{place}">#{place}</a>) unless repository.to_s.empty?
      went_on = ", of which more were played as commit <code>#{row["went_on"]}</code> says" if row["went_on"]
      "row #{row["row"]} of #{place}, fixed in commit <code>#{row["commit"]}</code> before the runs#{went_on}: #{[kind, *sure].join("; ")}"
    end

    def head_of(task)
      kind, name = task.split(":")
      %(<p><strong>#{kind == "tabulate" ? "Table" : "Picture"}</strong> <code>#{name}</code></p>)
    end

    def rows(pairs)
      "<dl>#{pairs.compact.map { |name, text| "<dt>#{name}</dt><dd>#{text}</dd>" }.join}</dl>"
    end

    def number_rows(source, shown)
      return [["published", CGI.escapeHTML(source.cited.to_s)], ["kept in", json("published")]] unless source.evidence?

      decimals = shown[/\.(\d+)/, 1].to_s.length
      low, high = source.ends
      [
        (["95% interval", "#{source.shown(decimals, low)} to #{source.shown(decimals, high)}"] if low),
        (["over", CGI.escapeHTML(source.resampled)] if source.resampled),
        ["run", "<code>#{source.result}</code>"],
        *checkpoints([source.result]),
        ["made by", "<code>python -m pipeline make #{source.result}</code>"],
        ["evidence", json(source.result)],
      ]
    end

    def made_rows(task, results)
      kind, name = task.split(":")
      table = kind == "tabulate"
      results = inputs("pictures/#{name}") | results unless table
      [
        ["drawn from", results.empty? ? (table ? "every result" : "nothing but its script") : results.map { |each| json(each) }.join("<br>")],
        *checkpoints(results),
        ["made by", "<code>#{table ? "doit #{task}" : "python -m pipeline make pictures/#{name}"}</code>"],
        (["evidence", json("pictures/#{name}")] unless table),
      ]
    end

    def content(result)
      kind, name = result.split("/")
      @site.data.dig(kind, name) || raise(Liquid::ArgumentError, "there is no result #{result}")
    end

    # The results that a result was made from.
    def inputs(result)
      content(result)["made"]["inputs"].keys.filter_map { |name| name[%r!\Aresults/(.*)\.json\z!, 1] }
    end

    # Checkpoints with their sums, also of the results that a result rests on.
    def checkpoints(results)
      found = {}
      pending, seen = results.dup, []
      until pending.empty?
        result = pending.shift
        next if seen.include?(result) || result == "published"

        seen << result
        weights = content(result)["made"]["inputs"].select { |name, _| name.end_with?("/model.safetensors") }
        weights = weights.merge((content(result)["values"]["sha256"] || {}).select { |name, _| name.end_with?("/model.safetensors") })
        weights.each { |name, digest| found[name.split("/")[1]] = digest }
        pending.concat(inputs(result)) unless result.start_with?("training/", "datasets/")
      end
      list = found.map { |name, digest| "<code>#{name}</code>, sha256 <code>#{digest}</code>" }
      list.empty? ? [] : [["checkpoint", list.join("<br>")]]
    end

    def json(result)
      published = "#{@site.config["baseurl"]}/results/#{result}.json"
      links = %(<a href="#{published}">#{result}.json</a>)
      repository, commit = @site.config.values_at("repository", "commit")
      return links if repository.to_s.empty?

      links + %(, <a href="https://github.com/#{repository}/blob/#{commit}/results/#{result}.json">in the repository</a>)
    end
  end

  def self.open(html, site)
    drawers = Drawers.new(site)
    html = html.gsub(NUMBER) { drawers.number(CGI.unescapeHTML(Regexp.last_match[1]), Regexp.last_match[2]) }
    html = html.gsub(CLAIM) { drawers.claim(CGI.unescapeHTML(Regexp.last_match[1]), Regexp.last_match[2]) }
    html = html.gsub(FROM) { drawers.from(CGI.unescapeHTML(Regexp.last_match[1]), Regexp.last_match[2]) }
    html = html.gsub(CITE) { drawers.citation(CGI.unescapeHTML(Regexp.last_match[1]), Regexp.last_match[2]) }
    html + drawers.html
  end

  # {% number PATH [decimals] %}
  class NumberTag < Liquid::Tag
    SYNTAX = /\A\s*([\w.-]+)(?:\s+(\d))?\s*\z/.freeze

    def initialize(tag, markup, tokens)
      super
      @path, @decimals = SYNTAX.match(markup)&.captures
      raise Liquid::SyntaxError, "{% number #{markup.strip} %}: write {% number kind.name.quantity %}, and decimals if need be" unless @path
    end

    def render(context)
      source = Source.new(context.registers[:site], @path)
      %(<a class="number" data-from="#{@path}">#{source.shown(@decimals&.to_i)}</a>)
    end
  end

  # What Python judged: every claim by its id.
  def self.claims(site)
    @claims ||= {}
    @claims[site.source] ||= JSON.parse(File.read(File.join(site.source, "_includes", "claims.json")))
  end

  # {% claim ID VERDICT %}a sentence{% endclaim %}: it asserts what the evidence said when it was written. A verdict that is
  # another now fails the build, and so does a claim that nobody judged.
  class ClaimBlock < Liquid::Block
    VERDICTS = { "holds" => "\u2713", "holds in part" => "\u25d0", "does not hold" => "\u2717", "not decided" => "?" }.freeze

    def initialize(tag, markup, tokens)
      super
      @id, @verdict = markup.strip.split(" ", 2)
      raise Liquid::SyntaxError, "{% claim #{markup.strip} %}: write {% claim id verdict %}, one of #{VERDICTS.keys.join(", ")}" unless VERDICTS.key?(@verdict)
    end

    def render(context)
      site = context.registers[:site]
      claim = Evidence.claims(site)[@id]
      raise Liquid::ArgumentError, "nobody has judged the claim #{@id}: pipeline/show/claims.py has no such claim" unless claim
      unless claim["verdict"] == @verdict
        raise Liquid::ArgumentError, "the claim #{@id} is said to be \u201c#{@verdict}\u201d, and its verdict is \u201c#{claim["verdict"]}\u201d"
      end

      %(#{super}<a class="verdict" data-from="#{@id}">#{VERDICTS[@verdict]}</a>)
    end
  end

  # {% from TASK:NAME [RESULT ...] %}; a name in braces is a variable
  class FromTag < Liquid::Tag
    def initialize(tag, markup, tokens)
      super
      @markup = markup.strip
    end

    def render(context)
      words = @markup.gsub(/\[([\w.]+)\]/) { context[Regexp.last_match[1]] }
      %(<a class="from" data-from="#{CGI.escapeHTML(words)}">evidence</a>)
    end
  end
end

Liquid::Template.register_tag("number", Evidence::NumberTag)
Liquid::Template.register_tag("claim", Evidence::ClaimBlock)
Liquid::Template.register_tag("from", Evidence::FromTag)
Jekyll::Hooks.register([:pages, :documents], :post_convert, priority: :low) do |page|
  page.content = Evidence.open(page.content, page.site) if page.output_ext == ".html"
end
