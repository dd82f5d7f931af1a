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

    # Of the decimal that the number is written as, halves away from zero, as tabulate.py rounds in tables: 56.55 is 56.6, though
    # kept as 56.549999999999997. tests/golden/fixed.json has the cases that both must meet.
    places = Integer(decimals)
    digits = (number.abs.to_s.to_r * 10**places).round(half: :up).to_s.rjust(places + 1, "0")
    whole, fraction = digits[0, digits.length - places], (digits[-places, places] if places.positive?)
    negative = number.negative? && "#{whole}#{fraction}".match?(/[1-9]/)
    whole = whole.gsub(/(?<=\d)(?=(\d{3})+$)/, THIN_SPACE) if whole.length > 4
    "#{MINUS if negative}#{[whole, fraction].compact.join(".")}"
  end
end

Liquid::Template.register_filter(Numbers)
