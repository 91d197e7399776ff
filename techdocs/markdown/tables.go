package markdown

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// table reads a table whose second line is of dashes, colons and pipes.
func table(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()

	first, next := lineEnd(block, 0)
	if next > len(block) || strings.IndexByte(block[:first], '|') < 0 {
		return false
	}

	second, _ := lineEnd(block, next)
	header := strings.Trim(block[:first], " ")
	bordered := strings.HasPrefix(header, "|") || endBorder(header) >= 0
	cells := splitRow(header, bordered)

	if len(cells) == 1 && (!bordered || !allHavePipes(block[next:])) {
		return false
	}

	separator := splitRow(strings.Trim(block[next:second], " "), bordered)
	if len(separator) != len(cells) || strings.Trim(strings.Join(separator, ""), "|:- ") != "" {
		return false
	}

	align := make([]string, len(separator))
	for i, cell := range separator {
		align[i] = alignment(strings.Trim(cell, " "))
	}

	lines := strings.Split(blocks.pop(), "\n")
	element := parent.Add("table")
	p.addRow(element.Add("thead"), "th", cells, align)
	body := element.Add("tbody")

	if len(lines) == 2 {
		row := body.Add("tr")
		for range align {
			row.Add("td")
		}
	}

	for _, line := range lines[2:] {
		p.addRow(body, "td", splitRow(strings.Trim(line, " "), bordered), align)
	}

	return true
}

// allHavePipes says that each row begins or ends with a pipe, as in a table of one column.
func allHavePipes(rows string) bool {
	for row := range strings.SplitSeq(rows, "\n") {
		row = strings.Trim(row, " ")
		if !strings.HasPrefix(row, "|") && endBorder(row) < 0 {
			return false
		}
	}

	return true
}

func alignment(cell string) string {
	left, right := strings.HasPrefix(cell, ":"), strings.HasSuffix(cell, ":")

	switch {
	case left && right:
		return "center"
	case left:
		return "left"
	case right:
		return "right"
	}

	return ""
}

func (p *page) addRow(parent *tree.Element, tag string, cells, align []string) {
	row := parent.Add("tr")

	for i, a := range align {
		cell := row.Add(tag)
		if i < len(cells) {
			cell.SetText(strings.Trim(cells[i], " "))
		}

		switch {
		case a == "":
		case p.conv.alignAttribute:
			cell.Set("align", a)
		default:
			cell.Set("style", "text-align: "+a+";")
		}
	}

	// A row of many columns and few cells is short in the source and long on the page.
	p.spend(len(align) * workOfElement)
}

// endBorder is where the pipe begins that ends a row, with escaped backslashes before it, or -1.
func endBorder(row string) int {
	if !strings.HasSuffix(row, "|") {
		return -1
	}

	i := len(row) - 1
	for i > 0 && row[i-1] == '\\' {
		i--
	}

	if (len(row)-1-i)%2 == 1 {
		// The pipe is escaped.
		return -1
	}

	return i
}

func splitRow(row string, bordered bool) []string {
	if bordered {
		row = strings.TrimPrefix(row, "|")
		if i := endBorder(row); i >= 0 {
			row = row[:i]
		}
	}

	var cells []string

	start := 0

	for _, pipe := range pipes(row) {
		cells = append(cells, row[start:pipe])
		start = pipe + 1
	}

	return append(cells, row[start:])
}

// A tick is a run of backticks. An escaped one is shorter by one at its start.
type tick struct{ start, end, size, opening int }

// pipes are the places of the pipes in a row that are neither escaped nor in code.
func pipes(row string) []int {
	var (
		found []int
		ticks []tick
	)

	for i := 0; i < len(row); i++ {
		switch c := row[i]; {
		case c == '|':
			found = append(found, i)
		case c == '\\' && i+1 < len(row) && (row[i+1] == '\\' || row[i+1] == '|'):
			i++
		case c == '\\' && i+1 < len(row) && row[i+1] == '`', c == '`':
			escaped := 0
			if c == '\\' {
				escaped = 1
			}

			end := i + escaped
			for end < len(row) && row[end] == '`' {
				end++
			}

			size := end - i - escaped
			ticks = append(ticks, tick{start: i, end: end - 1, size: size, opening: size - escaped})
			i = end - 1
		}
	}

	if len(ticks) == 0 || len(found) == 0 {
		return found
	}

	return outside(found, codeRegions(ticks))
}

func codeRegions(ticks []tick) [][2]int {
	// later has the places of the ticks of a size, in order.
	later := map[int][]int{}
	for i, t := range ticks {
		later[t.size] = append(later[t.size], i)
	}

	var regions [][2]int

	for i := 0; i < len(ticks); i++ {
		if ticks[i].opening == 0 {
			continue
		}

		same := later[ticks[i].opening]
		for len(same) > 0 && same[0] <= i {
			same = same[1:]
		}

		later[ticks[i].opening] = same

		if len(same) > 0 {
			regions = append(regions, [2]int{ticks[i].start, ticks[same[0]].end})
			i = same[0]
		}
	}

	return regions
}

func outside(places []int, regions [][2]int) []int {
	var kept []int

	for _, place := range places {
		for len(regions) > 0 && regions[0][1] < place {
			regions = regions[1:]
		}

		if len(regions) == 0 || place < regions[0][0] {
			kept = append(kept, place)
		}
	}

	return kept
}
