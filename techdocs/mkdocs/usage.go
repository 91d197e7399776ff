package mkdocs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what a program and the processes that it started use.
type usage struct {
	memory    int64
	processes int
}

// used reads it from /proc, which only Linux has. Elsewhere, and for what has ended, it is zero.
func used(root int) usage {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}
	}
	type process struct{ pages, threads int64 }
	children, all := map[int][]int{}, map[int]process{}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		text := string(content)
		pid, _ := strconv.Atoi(strings.TrimSpace(text[:max(0, strings.IndexByte(text, '('))]))
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) < 22 {
			continue
		}
		// Positions in proc(5), less the two that stand before: state, parent, …, threads 20, …, resident pages 24.
		parent, _ := strconv.Atoi(fields[1])
		threads, _ := strconv.ParseInt(fields[17], 10, 64)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		children[parent] = append(children[parent], pid)
		all[pid] = process{pages: pages, threads: threads}
	}
	var sum usage
	for next := []int{root}; len(next) > 0; next = next[1:] {
		p := all[next[0]]
		sum.memory += p.pages * int64(os.Getpagesize())
		sum.processes += int(p.threads)
		next = append(next, children[next[0]]...)
	}
	return sum
}
