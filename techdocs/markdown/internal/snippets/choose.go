package snippets

import (
	"fmt"
	"strconv"
	"strings"
)

// choose takes the lines with the given numbers, such as ":1:3,5:", or those of a section.
func (x *expansion) choose(lines []string, numbers, name string) ([]string, error) {
	var err error

	switch {
	case len(lines) == 0 || numbers == "" && name == "":
		return lines, nil
	case numbers != "":
		lines = numbered(lines, numbers)
	default:
		lines, err = x.section(lines, name)
	}

	if x.dedent {
		lines = dedent(lines)
	}

	return lines, err
}

func numbered(lines []string, numbers string) []string {
	var chosen []string

	for span := range strings.SplitSeq(numbers[1:], ",") {
		first, last, _ := strings.Cut(span, ":")
		start, end := 0, len(lines)

		if number, err := strconv.Atoi(first); err == nil {
			start = max(number-1, 0)
			if number < 0 {
				start = max(len(lines)+number, 0)
			}
		}

		if number, err := strconv.Atoi(last); err == nil {
			end = number
			if number < 0 {
				end = max(len(lines)+1+number, 0)
			}
		}

		end = min(end, len(lines))
		if start < end && len(chosen) <= maxSize {
			chosen = append(chosen, lines[start:end]...)
		}
	}

	return chosen
}

// section takes the lines between "--8<-- [start:name]" and "--8<-- [end:name]".
func (x *expansion) section(lines []string, name string) ([]string, error) {
	var (
		chosen         []string
		started, found bool
	)

lines:
	for _, line := range lines {
		mark := find(section, line)

		switch {
		case mark != nil && started && mark[2] != "":
			line = unescaped(mark)
		case mark != nil && mark[6] == name:
			starts := mark[5] == "start"
			if !starts {
				break lines
			}

			started, found = true, true

			continue
		case mark != nil && started:
			continue
		}

		if started {
			chosen = append(chosen, line)
		}
	}

	if !found {
		return chosen, x.problem(fmt.Sprintf("there is no section %s in the file of a snippet", name))
	}

	return chosen, nil
}

// dedent removes the white space that all lines begin with. Lines of white space become empty.
func dedent(lines []string) []string {
	margin, first := "", true

	for i, line := range lines {
		rest := strings.TrimLeft(line, " \t")
		if rest == "" {
			lines[i] = ""

			continue
		}

		indent := line[:len(line)-len(rest)]
		if first {
			margin, first = indent, false
		}

		for !strings.HasPrefix(indent, margin) {
			margin = margin[:len(margin)-1]
		}
	}

	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, margin)
	}

	return lines
}
