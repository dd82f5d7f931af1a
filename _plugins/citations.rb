# frozen_string_literal: true

# Citations: wherever the text names an entry of the list of references, as (Chen et al., 2021) or Wang et al. (2026), it becomes
# a link to a drawer with that entry (see evidence.rb), which leads on to the list.
module Citations
  ENTRY = /^- (?<entry>(?<name>[A-Z][A-Za-z-]+), .*?\((?<year>(?:19|20)\d\d[ab]?)\).*)$/.freeze
  CITED = /\b(?<name>[A-Z][A-Za-z-]+)(?: et al\.| and [A-Z][a-z]+)?(?:, (?<year>(?:19|20)\d\d[ab]?)\b| \((?<open>(?:19|20)\d\d[ab]?)(?:\)|(?=,)))/.freeze
  NO_TEXT = %r!(<(?<tag>a|svg|code|pre|math|summary|h[1-6])\b.*?</\k<tag>>|<[^>]*>)!m.freeze

  # The entries of the list of references in index.md, as HTML, by what an address calls them: chen-2021.
  def self.entries(site)
    @entries ||= {}
    @entries[site.source] ||= begin
      _, list = File.read(File.join(site.source, "index.md")).split("\n## References\n", 2)
      markdown = site.find_converter_instance(Jekyll::Converters::Markdown)
      list.to_s.scan(ENTRY).to_h { |entry, name, year| [key(name, year), markdown.convert(entry).gsub(%r!</?p>!, "").strip] }
    end
  end

  def self.key(name, year)
    "#{name.downcase}-#{year}"
  end

  # The page with a link at each citation, and an address at each entry.
  def self.link(html, site)
    known = entries(site)
    text, heading, list = html.partition('<h2 id="references"')
    text = text.gsub(Regexp.union(NO_TEXT, CITED)) do |found|
      match = Regexp.last_match
      name = key(match[:name], match[:year] || match[:open]) if match[:name]
      name && known.key?(name) ? %(<a class="cite" data-from="#{name}">#{found}</a>) : found
    end
    list = list.gsub(/<li>(?=(?<name>[A-Z][A-Za-z-]+), .*?\((?<year>(?:19|20)\d\d[ab]?)\))/) do |found|
      name = key(Regexp.last_match[:name], Regexp.last_match[:year])
      known.key?(name) ? %(<li id="ref-#{name}">) : found
    end
    text + heading + list
  end
end

Jekyll::Hooks.register([:pages, :documents], :post_convert) do |page|
  page.content = Citations.link(page.content, page.site) if page.output_ext == ".html" && page.data["layout"]
end
