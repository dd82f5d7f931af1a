# frozen_string_literal: true

require "open3"
require "yaml"

# What stands under the title and where the post is shared: who wrote it, which evidence it shows and since when.
#
# `site.author` is who CITATION.cff names. `site.evidence` has the commit that last changed results/ and its date, where the
# history is at hand; elsewhere no commit, and the date of `time` in _config.yml. A page with a date and no
# title, which is the post, has the site's and its tagline.
module Apparatus
  def self.authors(source)
    YAML.safe_load(File.read(File.join(source, "CITATION.cff")))["authors"].map do |author|
      author["name"] || author.values_at("given-names", "family-names").compact.join(" ")
    end
  end

  def self.git(source, *words)
    out, _, status = Open3.capture3("git", "-C", source, *words)
    out.strip if status.success?
  rescue Errno::ENOENT
    nil
  end

  # The newest evidence: [commit, date], or nothing where this is no checkout of its own or only a part of the history.
  def self.newest(source)
    return unless File.exist?(File.join(source, ".git")) && git(source, "rev-parse", "--is-shallow-repository") == "false"

    git(source, "log", "-1", "--format=%H %cs", "--", "results")&.split
  end

  def self.install(site)
    site.config["author"] = { "name" => authors(site.source).join(", "), "type" => "Organization" }
    commit, date = newest(site.source)
    site.config["evidence"] = { "commit" => commit.to_s, "date" => date ? Time.parse("#{date} 00:00:00 UTC") : site.time }
  end
end

Jekyll::Hooks.register(:site, :after_reset) { |site| Apparatus.install(site) }
Jekyll::Hooks.register(:pages, :post_init) do |page|
  next unless page.data["date"]

  page.data["last_modified_at"] = page.site.config["evidence"]["date"]
  page.data["title"], page.data["subtitle"] = page.site.config.values_at("title", "tagline") unless page.data.key?("title")
end
