# frozen_string_literal: true

# Where the site is built decides nothing: not the system's encoding, nor letters in the folder's name.

# Only `_config.yml`, which is read before any plugin, must be ASCII.
Encoding.default_external = Encoding::UTF_8

Jekyll::Hooks.register(:site, :after_init) do |site|
  # Jekyll joins the folder's name with each pattern of `exclude` and would take brackets in it for part of the pattern.
  if site.source.match?(/[\[\]{}?*\\]/)
    site.exclude.map! do |pattern|
      next pattern unless pattern.is_a?(String) && pattern.include?("*")

      /\A#{Regexp.escape(site.source)}\/#{Regexp.escape(pattern).gsub(/(\\\*)+/, ".*")}\z/
    end
  end

  place = site.dest
  place = File.dirname(place) until File.exist?(place)
  Formulas.stop("#{site.dest} cannot be written: build elsewhere with --destination.", site) unless File.directory?(place) && File.writable?(place)
end
