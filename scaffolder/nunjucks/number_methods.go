package nunjucks

// newNumberMethods makes the methods of JavaScript's numbers.
func newNumberMethods() map[string]*callable {
	return map[string]*callable{
		"toExponential":  numberMethod(numberToExponential),
		"toFixed":        numberMethod(numberToFixed),
		"toLocaleString": numberMethod(numberToLocale),
		"toPrecision":    numberMethod(numberToPrecision),
		"toString":       numberMethod(numberToString),
	}
}

func numberMethod(method func(r *run, n float64, digits Value) Value) *callable {
	return newCallable(1, func(r *run, this Value, args []Value) Value {
		return method(r, r.number(this), argument(args, 0))
	})
}

// digitCount reads the argument of a method that takes a number of digits.
func digitCount(r *run, v Value, low, high int) int {
	count := r.integer(v, 0)
	if count < low || count > high {
		r.fail("the number of digits must be between %d and %d", low, high)
	}
	return count
}

func numberToExponential(r *run, n float64, digits Value) Value {
	if isUndefined(digits) {
		return formatExponential(n, -1)
	}
	return formatExponential(n, digitCount(r, digits, 0, 100))
}

func numberToFixed(r *run, n float64, digits Value) Value {
	return formatFixed(n, digitCount(r, digits, 0, 100))
}

func numberToPrecision(r *run, n float64, digits Value) Value {
	if isUndefined(digits) {
		return formatNumber(n)
	}
	return formatPrecision(n, digitCount(r, digits, 1, 100))
}

func numberToString(r *run, n float64, radix Value) Value {
	if isUndefined(radix) {
		return formatNumber(n)
	}
	return formatRadix(n, digitCount(r, radix, 2, 36))
}

// numberToLocale writes a number as the American locale does: with separators between thousands and at most
// three decimals.
func numberToLocale(_ *run, n float64, _ Value) Value { return formatLocale(n) }
