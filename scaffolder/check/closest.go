package check

import "strings"

// maxMistakes is the greatest distance between a misspelled name and the suggested one.
const maxMistakes = 2

// closest returns the name most similar to an unknown name, "" when none is similar.
func closest(name string, names []string) string {
	best, least := "", maxMistakes+1
	for _, each := range names {
		if strings.EqualFold(each, name) {
			return each
		}
		if d := distance(strings.ToLower(name), strings.ToLower(each)); d < least && d < len(name)/2 {
			best, least = each, d
		}
	}
	return best
}

// didYouMean suggests the most similar name, "" when none is similar.
func didYouMean(name string, names []string) string {
	if near := closest(name, names); near != "" {
		return "Did you mean " + near + "?"
	}
	return ""
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
