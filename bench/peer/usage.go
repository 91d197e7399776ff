package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is how many of the kernel's units of CPU time make a second: USER_HZ, which is 100 on every Linux
// that Go runs on.
const ticks = 100

// usage is the resources that the processes of a system have used.
type usage struct {
	// program is the CPU time of the system and its children; postgres that of its PostgreSQL.
	program, postgres time.Duration
	// resident is the memory of the system itself in bytes, without PostgreSQL, whose pages are shared and
	// cannot be added up.
	resident uint64
}

func (u usage) since(before usage) usage {
	return usage{program: u.program - before.program, postgres: u.postgres - before.postgres, resident: u.resident}
}

// process is one line of the kernel's list.
type process struct {
	pid, parent int
	name        string
	// cpu includes the children that have ended.
	cpu      time.Duration
	resident uint64
}

// usage adds up the processes that descend from the system's own, and those of a PostgreSQL that does not.
func (s *system) usage() (usage, error) {
	all, err := processes()
	if err != nil {
		return usage{}, err
	}
	var total usage
	for _, p := range descendants(all, s.process.Process.Pid) {
		if p.name == "postgres" {
			total.postgres += p.cpu
			continue
		}
		total.program += p.cpu
		total.resident += p.resident
	}
	if s.postgres == "" {
		return total, nil
	}
	postmaster, err := readPostmaster(s.postgres)
	if err != nil {
		return usage{}, err
	}
	for _, p := range descendants(all, postmaster) {
		total.postgres += p.cpu
	}
	return total, nil
}

// readPostmaster reads the process id that PostgreSQL leaves in its data directory.
func readPostmaster(directory string) (int, error) {
	content, err := os.ReadFile(filepath.Join(directory, "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("the peer's PostgreSQL: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(strings.TrimSpace(first))
}

func processes() ([]process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	if len(stats) == 0 {
		return nil, errors.New("there is no /proc: this runs on Linux only")
	}
	var all []process
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		p, err := parseStat(string(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// parseStat parses /proc/<pid>/stat. The name is in parentheses and may contain anything, including
// parentheses.
func parseStat(line string) (process, error) {
	opening, closing := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if opening < 0 || closing < opening {
		return process{}, fmt.Errorf("no name in %q", line)
	}
	fields := strings.Fields(line[closing+1:])
	// Positions in proc(5), less the two that stand before: state, parent, ..., utime 14, stime, cutime,
	// cstime, ..., rss 24.
	const parent, utime, cstime, rss = 1, 11, 14, 21
	if len(fields) <= rss {
		return process{}, fmt.Errorf("too few fields in %q", line)
	}
	p := process{name: line[opening+1 : closing]}
	numbers := map[int]int64{}
	for _, position := range []int{parent, utime, utime + 1, utime + 2, cstime, rss} {
		number, err := strconv.ParseInt(fields[position], 10, 64)
		if err != nil {
			return process{}, err
		}
		numbers[position] = number
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[:opening]))
	if err != nil {
		return process{}, err
	}
	p.pid, p.parent = pid, int(numbers[parent])
	spent := numbers[utime] + numbers[utime+1] + numbers[utime+2] + numbers[cstime]
	p.cpu = time.Duration(spent) * time.Second / ticks
	p.resident = uint64(max(0, numbers[rss])) * uint64(os.Getpagesize())
	return p, nil
}

// descendants are a process and its children, recursively.
func descendants(all []process, root int) []process {
	children := map[int][]process{}
	var found []process
	for _, p := range all {
		if p.pid == root {
			found = append(found, p)
		}
		children[p.parent] = append(children[p.parent], p)
	}
	for next := 0; next < len(found); next++ {
		found = append(found, children[found[next].pid]...)
	}
	return found
}
