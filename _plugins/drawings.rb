# frozen_string_literal: true

require "cgi"

# {% drawing %} in an include puts images/NAME.svg into the page, where the page's colors and type reach it, and where there is
# one the drawing for phones, images/NAME_narrow.svg, which the style sheet shows there in its place; `alt` says what they show.
class DrawingTag < Liquid::Tag
  def render(context)
    name, words = context["include.name"], CGI.escapeHTML(context["include.alt"])
    wide, narrow = %w(.svg _narrow.svg).map { |ending| File.join(context.registers[:site].source, "images", name + ending) }
    raise Liquid::ArgumentError, "there is no drawing #{wide}" unless File.file?(wide)

    kinds = File.file?(narrow) ? { wide => "drawing for-columns", narrow => "drawing for-phones" } : { wide => "drawing" }
    kinds.map { |path, kind| File.read(path).sub("<svg ", %(<svg class="#{kind}" role="img" aria-label="#{words}" )).tr("\n", " ").gsub("> <", "><").strip }.join
  end
end

Liquid::Template.register_tag("drawing", DrawingTag)
