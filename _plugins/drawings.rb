# frozen_string_literal: true

require "cgi"

# {% drawing %} in an include puts images/NAME.svg into the page, where the page's colors and type reach it, and where there is
# one the drawing for phones, images/NAME_narrow.svg, which the style sheet shows there in its place; `alt` says what they show.
# What a drawing shows of a PNG beside it (`style.plate`) becomes a picture below the drawing, loaded when it comes near.
class DrawingTag < Liquid::Tag
  PLATE = %r!<svg class="plate" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)" viewBox="(\d+) 0 (\d+) 1" .*?><image href="(.*?)" width="(\d+)".*?/></svg>!.freeze

  def render(context)
    @images, @base = File.join(context.registers[:site].source, "images"), context.registers[:site].baseurl
    @words = CGI.escapeHTML(context["include.alt"])
    wide, narrow = %w(.svg _narrow.svg).map { |ending| File.join(@images, context["include.name"] + ending) }
    raise Liquid::ArgumentError, "there is no drawing #{wide}" unless File.file?(wide)

    kinds = File.file?(narrow) ? { wide => " for-columns", narrow => " for-phones" } : { wide => "" }
    kinds.map { |path, kind| drawn(File.read(path).tr("\n", " ").gsub("> <", "><").strip, kind) }.join
  end

  def drawn(svg, kind)
    told = %(role="img" aria-label="#{@words}")
    return svg.sub("<svg ", %(<svg class="drawing#{kind}" #{told} )) unless svg.match?(PLATE)

    size = svg[/viewBox="0 0 (.*?)"/, 1].split.map(&:to_f)
    plates = svg.scan(PLATE).map { |plate| picture(*plate, size) }.join
    %(<div class="plates#{kind}" #{told}>#{plates}#{svg.gsub(PLATE, "").sub("<svg ", '<svg class="drawing" aria-hidden="true" ')}</div>)
  end

  # A PNG, or some of its columns, where the drawing of that size has left a place for it.
  def picture(*place, start, count, name, whole, size)
    left, top, width, height = place.zip(size * 2).map { |length, whole| (100 * length.to_f / whole).round(3) }
    columns, rows = File.binread(File.join(@images, name), 8, 16).unpack("N2") # after the signature and the header's name
    shift = start == "0" ? 0 : (100 * start.to_f / (whole.to_i - count.to_i)).round(3)
    %(<img src="#{@base}/images/#{name}" alt="#{@words}" width="#{columns}" height="#{rows}" loading="lazy" decoding="async" ) +
      %(style="left: #{left}%; top: #{top}%; width: #{width}%; height: #{height}%; object-position: #{shift}% 0">)
  end
end

Liquid::Template.register_tag("drawing", DrawingTag)
