# frozen_string_literal: true

# Formulas: `$...$` in the text and `$$...$$` on lines of their own, set by KaTeX while the site is built.
# The page then needs no JavaScript for them, and a formula that KaTeX does not understand fails the build.

require "cgi"
require "erb"
require "json"
require "kramdown-parser-gfm"
require "open3"

module Kramdown
  module Parser
    # kramdown knows only `$$...$$`, and would take a `|` inside `$...$` for a table before it looks for formulas. So they
    # are found before it parses, by pandoc's rules, and travel through it between characters that mean nothing to it.
    class DollarMaths < GFM
      OPEN, CLOSE, PIPE = "\uE000", "\uE001", "\uE002"
      NOT_HERE = /^\ {0,3}(?<fence>`{3,}|~{3,}).*?^\ {0,3}\k<fence>[`~]*\ *$
                 |(?<!`)(?<ticks>`+)(?!`).+?(?<!`)\k<ticks>(?!`)
                 |<(?<tag>pre|code|script|style)\b.*?<\/\k<tag>>|<!--.*?-->|<\/?[a-zA-Z][^<>]*>
                 |\$\$.*?\$\$|\\[\\$]/mx
      FORMULA = /\$(?=\S)(?<tex>(?:\\.|[^$\\\n]|\n(?!\s*\n))+?)(?<=\S)\$(?!\d)/m

      BLOCK = /\n\s*(?=[-+*=#:]|\d+[.)])/ # the end of a line after which kramdown would begin a list or a heading

      def initialize(source, options)
        super(source.gsub(/#{NOT_HERE}|#{FORMULA}/m) do |found|
          tex = Regexp.last_match[:tex]
          tex ? "#{OPEN}#{tex.tr("|", PIPE).gsub(BLOCK, " ")}#{CLOSE}" : found
        end, options)
        @span_parsers.unshift(:dollar_maths)
      end

      def parse_dollar_maths
        line = @src.current_line_number
        @src.pos += @src.matched_size
        @tree.children << Element.new(:math, @src[1].tr(PIPE, "|"), nil, category: :span, location: line)
      end
      define_parser(:dollar_maths, /#{OPEN}(.*?)#{CLOSE}/m, OPEN)
    end
  end

  # Replaces kramdown's default engine. The formula waits URL-encoded in an attribute, where a second pass of kramdown
  # (over a caption or a margin note) cannot mangle it.
  Converter.add_math_engine(:mathjax, Class.new do
    def self.call(_converter, element, _options)
      display = element.options[:category] == :block
      tag = display ? "div" : "span"
      %(<#{tag} data-tex="#{ERB::Util.url_encode(element.value)}"></#{tag}>#{"\n" if display})
    end
  end)
end

# One call of node for all formulas of a page.
module Formulas
  RAW = /\{%-?\s*(raw|comment)\s*-?%\}.*?\{%-?\s*end\1\s*-?%\}/m.freeze
  LITERAL = /\{\{-?\s*(?:[-+]?\d[\d.]*|"[^"]*"|'[^']*'|true|false|nil|null|empty|blank)?\s*-?\}\}/.freeze
  WAITING = %r!<(div|span) data-tex="([^"]*)"></\1>!.freeze

  def self.set(html, where, site)
    waiting = html.scan(WAITING).map { |tag, tex| { display: tag == "div", tex: CGI.unescape(tex) } }
    rendered = waiting.empty? ? [] : katex(waiting, where, site)
    # What lies in code or raw HTML is no formula: it gets its dollars back.
    html.gsub(WAITING) { rendered.shift }.tr("\uE000\uE001\uE002", "$$|")
  end

  def self.katex(formulas, where, site)
    script = File.join(__dir__, "katex.js")
    out, err, status = Open3.capture3("node", script, site.source, stdin_data: JSON.generate(formulas))
    stop("KaTeX did not run for #{where}: #{err.lines.grep(/Error/).first || err}", site) unless status.success?
    answer = JSON.parse(out)
    return answer["html"] unless answer["error"]

    stop("The formula $#{answer["tex"].strip}$ in #{where} is not understood: #{answer["error"]}", site)
  rescue Errno::ENOENT
    stop("node is not installed, and KaTeX needs it to set formulas: apt install nodejs npm, then make site.", site)
  end

  # Raised, an error would end in Ruby's backtrace; only `jekyll serve` needs that, to live on until the next save.
  def self.stop(sentence, site)
    Jekyll.logger.error "Error:", sentence
    raise Jekyll::Errors::FatalException, sentence if site.config["watch"]

    exit!(1)
  end
end

# Two braces are Liquid's, in a formula and in code too, and `{{10}}` would be printed as 10.
Jekyll::Hooks.register([:pages, :documents], :pre_render) do |page|
  literal = page.content.to_s.gsub(Formulas::RAW, "")[Formulas::LITERAL] if page.data["render_with_liquid"] != false
  if literal
    Formulas.stop("#{literal} in #{page.relative_path} is Liquid, not braces: write it with a space between them, " \
                  "{ {…} }, or between {% raw %} and {% endraw %}", page.site)
  end
end

Jekyll::Hooks.register([:pages, :documents], :post_convert) do |page|
  page.content = Formulas.set(page.content, page.relative_path, page.site)
end
