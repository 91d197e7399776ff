package config

import (
	"fmt"
	"strings"
)

// Problem is one error in the configuration, with its position.
type Problem struct {
	// File and Line are the position; Line is 0 for an environment variable.
	File string
	Line int
	// Message describes the error and, where possible, the correction.
	Message string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: %s", origin{p.File, p.Line}, p.Message)
}

// InvalidError lists all errors in the configuration, by file and line.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for n, problem := range e.Problems {
		lines[n] = problem.String()
	}
	return "the configuration is not valid:\n" + strings.Join(lines, "\n")
}

// closest is the candidate nearest to a misspelt word, "" when none is near enough. A candidate that differs
// only in case is the nearest.
func closest(word string, candidates []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range candidates {
		distance := editDistance(strings.ToLower(word), strings.ToLower(candidate))
		if distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap to turn a into b.
func editDistance(a, b string) int {
	previous, current, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replace := current[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			next[j] = min(replace, current[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], previous[j-2]+1)
			}
		}
		previous, current, next = current, next, previous
	}
	return current[len(b)]
}
