# frozen_string_literal: true

require "fileutils"
require "json"
require "zlib"

# Publishes what the page needs from node_modules (KaTeX's stylesheet and fonts, the two typefaces, MuJoCo), so that git holds no
# copy of them and the reader's browser asks no other host; and the checkpoints of the drivers that assets/wheel/drivers.json
# lists, byte for byte.
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

  # A file of node_modules, gzipped: not every host does so when it sends one.
  class Packed < Copy
    def name
      "#{super}.gz"
    end

    def bytes
      @bytes ||= Zlib::Deflate.new(Zlib::DEFAULT_COMPRESSION, 16 + Zlib::MAX_WBITS).deflate(File.binread(path), Zlib::FINISH)
    end

    def write(dest)
      place = destination(dest)
      return false if File.file?(place) && File.mtime(place) >= File.mtime(path)

      FileUtils.mkdir_p(File.dirname(place))
      File.binwrite(place, bytes)
      true
    end
  end

  WHEEL = "assets/wheel"
  BEGINNING = %w(*.js *.json decision_transformer.wasm half_cheetah.xml).freeze # with MuJoCo and its first driver

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
    site.static_files.reject! { |file| file.relative_path == "/assets/style.css" }
    site.pages << stylesheet(site, File.read(File.join(katex, "katex.min.css")))
    generate_wheel(site, File.join(modules, "@mujoco", "mujoco"))
  end

  # What runs in the reader's browser; `site.wheel` tells the page who can drive and how many bytes each loads.
  def generate_wheel(site, mujoco)
    engine = [Copy.new(site, File.join(mujoco, "mujoco.js"), WHEEL), Packed.new(site, File.join(mujoco, "mujoco.wasm"), WHEEL)]
    drivers = JSON.parse(File.read(File.join(site.source, WHEEL, "drivers.json")))
    checkpoints = drivers.map { |driver| driver["checkpoint"] }.compact.uniq.to_h do |name|
      [name, checkpoint(site, name)]
    end
    unless (engine + checkpoints.values.flatten).all? { |file| File.file?(file.path) }
      Formulas.stop("MuJoCo or a checkpoint is missing: run `make site` (or `npm ci`, and `git checkout -- checkpoints`).", site)
    end
    site.static_files.concat(engine + checkpoints.values.flatten)
    first = checkpoints[drivers.first["checkpoint"]]
    drivers.each { |driver| driver["bytes"] = size(checkpoints.fetch(driver["checkpoint"], []) - first) }
    beginning = BEGINNING.flat_map { |names| Dir.glob(File.join(site.source, WHEEL, "**", names)) }.uniq.sum { |path| File.size(path) }
    bytes = beginning + engine.sum { |file| file.is_a?(Packed) ? file.bytes.bytesize : File.size(file.path) } + size(first)
    site.config["wheel"] = { "bytes" => bytes, "drivers" => drivers }
  end

  def checkpoint(site, name)
    folder = File.join(site.source, "checkpoints", name)
    names = %w(config.json model.safetensors discretizer.safetensors).select { |file| File.file?(File.join(folder, file)) || file != "discretizer.safetensors" }
    names.map { |file| Copy.new(site, File.join(folder, file), "#{WHEEL}/checkpoints/#{name}") }
  end

  def size(files)
    files.sum { |file| File.size(file.path) }
  end

  # KaTeX's rules and then the page's own as one file. Every browser of the last ten years reads woff2; the other formats are
  # not published.
  def stylesheet(site, css)
    page = Jekyll::PageWithoutAFile.new(site, site.source, "assets", "style.css")
    rules = css.gsub(/,url\([^)]*\.(?:woff|ttf)\) format\("[^"]*"\)/, "").gsub("url(fonts/", "url(katex/fonts/")
    page.content = "#{rules}\n#{File.read(File.join(site.source, "assets/style.css"))}"
    page.data.merge!("layout" => nil, "render_with_liquid" => false)
    page
  end
end
