# frozen_string_literal: true

# Publishes what the page needs from node_modules (KaTeX's stylesheet and fonts, the two typefaces), so that git holds no
# copy of them and the reader's browser asks no other host.
class Borrowed < Jekyll::Generator
  TYPEFACES = %w(
    source-serif-4/files/source-serif-4-latin-wght-normal.woff2
    source-serif-4/files/source-serif-4-latin-wght-italic.woff2
    source-sans-3/files/source-sans-3-latin-wght-normal.woff2
  ).freeze

  # A file of node_modules under an address of ours.
  class Copy < Jekyll::StaticFile
    def initialize(site, path, directory)
      super(site, File.dirname(path), "", File.basename(path))
      @directory = directory
    end

    def destination(dest)
      File.join(dest, @directory, name)
    end

    def url
      "/#{@directory}/#{name}"
    end
  end

  def generate(site)
    modules = File.join(site.source, "node_modules")
    katex = File.join(modules, "katex", "dist")
    fonts = Dir.glob("*.woff2", base: File.join(katex, "fonts")).sort.map { |name| File.join(katex, "fonts", name) }
    typefaces = TYPEFACES.map { |path| File.join(modules, "@fontsource-variable", path) }
    unless fonts.any? && typefaces.all? { |path| File.file?(path) }
      Formulas.stop("KaTeX or the typefaces are missing in node_modules: run `make site` (or `npm ci`).", site)
    end
    site.static_files.concat(fonts.map { |path| Copy.new(site, path, "assets/katex/fonts") })
    site.static_files.concat(typefaces.map { |path| Copy.new(site, path, "assets/fonts") })
    site.pages << stylesheet(site, File.read(File.join(katex, "katex.min.css")))
  end

  # Every browser of the last ten years reads woff2; the other formats are not published.
  def stylesheet(site, css)
    page = Jekyll::PageWithoutAFile.new(site, site.source, "assets/katex", "katex.min.css")
    page.content = css.gsub(/,url\([^)]*\.(?:woff|ttf)\) format\("[^"]*"\)/, "")
    page.data.merge!("layout" => nil, "render_with_liquid" => false)
    page
  end
end
