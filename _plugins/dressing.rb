# frozen_string_literal: true

require "cgi"

# What kramdown leaves undone for readers by keyboard and screen reader, and the contents list beside the text.
module Dressing
  HEADING = %r!<h([23]) id="([^"]+)"([^>]*)>(.*?)</h\1>!m.freeze

  def self.dress(html)
    tables = 0
    html
      .gsub(HEADING) { heading(*Regexp.last_match.captures) }
      # The roles that kramdown gives to <sup> and <li> are not allowed there.
      .gsub(/ role="doc-(?:noteref|endnote)"/, "")
      .gsub('role="doc-backlink"', 'role="doc-backlink" aria-label="Back to the text"')
      .gsub(/ (hidden|selected)=""/, ' \1')
      .gsub("<th>", '<th scope="col">').gsub("<th style", '<th scope="col" style')
      .gsub('<pre class="highlight">', '<pre class="highlight" tabindex="0">')
      .gsub(%r!<table.*?</table>!m) { |table| scrolling(table, tables += 1) }
  end

  def self.heading(level, id, attributes, text)
    name = CGI.escapeHTML(CGI.unescapeHTML(text.gsub(%r!<annotation.*?</annotation>|<[^>]+>!m, "")))
    anchor = %(<a class="anchor" href="##{id}" aria-label="Link to “#{name}”">#</a>)
    %(<h#{level} id="#{id}"#{attributes}>#{text} #{anchor}</h#{level}>)
  end

  # A wide table scrolls in its own box, which must be reachable and named.
  def self.scrolling(table, number)
    wide = " wide" if table.match?(/\A<table[^>]*class="[^"]*\bwide\b/) # set by a line {: .wide} below the table
    %(<section class="scroll#{wide}" tabindex="0" aria-label="Table #{number}">#{stacking(table)}</section>)
  end

  # On a narrow screen the rows of a table of more than two columns stand below one another, each cell under its column's name.
  def self.stacking(table)
    names = table[%r!<thead>.*?</thead>!m].to_s.scan(%r!<th\b[^>]*>(.*?)</th>!m).map { |(text)| CGI.unescapeHTML(text.gsub(/<[^>]+>/, " ")).strip }
    return table unless names.length > 2

    rows = table.gsub(%r!<tr>.*?</tr>!m) do |row|
      column = -1
      row.gsub(%r!<td([^>]*)>(.*?)</td>!m) do
        attributes, content = Regexp.last_match.captures
        name = CGI.escapeHTML(names[column += 1].to_s)
        content.match?(/\A(?:[[:space:]]|&nbsp;)*\z/) ? "<td#{attributes}></td>" : %(<td#{attributes} data-column="#{name}"><span>#{content}</span></td>)
      end
    end
    rows.sub(/\A<table(?: class="([^"]*)")?/) { %(<table class="#{[Regexp.last_match[1], "stack"].compact.join(" ")}") }
  end

  # Liquid filter: the headings of a page as a nested list of links; headings of class `no_toc` are left out.
  def contents(html)
    items = html.scan(HEADING).reject { |_, _, attributes, _| attributes.include?("no_toc") }
    items.map do |level, id, _, text|
      %(<li class="level-#{level}"><a href="##{id}">#{text.sub(%r! <a class="anchor".*?</a>!m, "")}</a></li>)
    end.join("\n")
  end

  # What is looked up or unfolded, and not read from beginning to end: formulas, tables, drawers, code, words in pictures, what is folded, and all
  # from the references on.
  NOT_READ = Regexp.union(
    %r!<math.*?</math>!m, %r!<table.*?</table>!m, %r!<section class="drawers".*?</section>!m, %r!<pre.*?</pre>!m,
    %r!<details.*?</details>!m, %r!<template.*?</template>!m, %r!<svg.*?</svg>!m, %r!<h2 id="references".*!m
  ).freeze

  # Liquid filter: the words of a page that are read from beginning to end, captions and margin notes among them.
  def words(html)
    html.gsub(NOT_READ, " ").gsub(/<[^>]+>/m, "").split.length
  end

  # Liquid filter: minutes to read a page at 230 words a minute.
  def minutes(html)
    [(words(html) / 230.0).round, 1].max
  end
end

Liquid::Template.register_filter(Dressing)
Jekyll::Hooks.register([:pages, :documents], :post_convert) do |page|
  page.content = Dressing.dress(page.content) if page.output_ext == ".html"
end
