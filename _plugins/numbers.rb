# frozen_string_literal: true

# `{{ number | fixed: 1 }}`: exactly one decimal, a true minus sign, thin spaces between thousands from 10 000 up.
# Anything that is not a finite number fails the build: prose must not print an empty or broken figure.
module Numbers
  MINUS = "\u2212"
  THIN_SPACE = "\u202F" # the narrow one that never breaks a line

  def fixed(number, decimals = 0)
    unless number.is_a?(Numeric) && number.to_f.finite?
      raise Liquid::ArgumentError, "fixed needs a finite number, not #{number.inspect}"
    end

    whole, fraction = format("%.#{Integer(decimals)}f", number.abs).split(".")
    negative = number.negative? && "#{whole}#{fraction}".match?(/[1-9]/)
    whole = whole.gsub(/(?<=\d)(?=(\d{3})+$)/, THIN_SPACE) if whole.length > 4
    "#{MINUS if negative}#{[whole, fraction].compact.join(".")}"
  end
end

Liquid::Template.register_filter(Numbers)
