// Command techdocs measures how fast documentation is built, by Portico and by MkDocs with mkdocs-techdocs-core in the same run:
//
//	go run ./bench/techdocs
//
// Each build is a process of its own, so that its memory is known. Wall times stretch with what else the machine does, CPU times do so less.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/portico-dev/portico/bench/techdocs/pages"
	"github.com/portico-dev/portico/internal/garbage"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// longest bounds the whole measurement, so that a program that hangs is seen.
const longest = time.Hour

func main() {
	program := flag.String("mkdocs", filepath.Join(".cache", "mkdocs", "bin", "mkdocs"), "the program")
	sizes := flag.String("pages", "100,1000", "the sizes of sites")
	sites := flag.Int("sites", 500, "how many sites of 20 pages one worker builds")
	runs := flag.Int("runs", 3, "how often Portico builds each; the median counts. MkDocs builds once.")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), longest)
	err := run(ctx, *program, *sizes, *sites, *runs, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "techdocs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, sizes string, sites, runs int, arguments []string) error {
	if os.Getenv("GOGC") == "" {
		garbage.Hold(300, 96<<20) // as portico does
	}
	// The processes that are measured are this program, with what they do as arguments.
	if len(arguments) == 3 && arguments[0] == "build" {
		_, err := generate(arguments[1], arguments[2])
		return err
	}
	if len(arguments) == 3 && arguments[0] == "change" {
		return change(arguments[1], arguments[2])
	}
	if len(arguments) == 4 && arguments[0] == "many" {
		return many(arguments[1], arguments[2], arguments[3])
	}
	work, err := os.MkdirTemp("", "portico-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "build\twall\tCPU\tmost memory\toutput")
	for size := range strings.SplitSeq(sizes, ",") {
		count, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		if err := compare(ctx, table, work, program, count, runs); err != nil {
			return err
		}
	}
	if sites > 0 {
		if err := manySites(ctx, table, work, sites); err != nil {
			return err
		}
	}
	return table.Flush()
}

// compare builds one site with both.
func compare(ctx context.Context, table *tabwriter.Writer, work, program string, size, runs int) error {
	source := filepath.Join(work, fmt.Sprintf("source-%d", size))
	if err := pages.Write(source, size, 7); err != nil {
		return err
	}
	var ours []measurement
	for i := range runs {
		m, err := self(ctx, filepath.Join(work, fmt.Sprintf("portico-%d-%d", size, i)), "build", source)
		if err != nil {
			return err
		}
		ours = append(ours, m)
	}
	slices.SortFunc(ours, func(a, b measurement) int { return int(a.wall - b.wall) })
	own := ours[len(ours)/2]
	own.print(table, fmt.Sprintf("%d pages, Portico", size))
	changed, err := self(ctx, filepath.Join(work, fmt.Sprintf("changed-%d", size)), "change", source)
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%d pages, Portico, one page changed\t%s\t\t%d MiB\t\n", size, strings.TrimSpace(changed.printed), changed.memory>>20)
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(table, "%d pages, MkDocs\tis not installed: tools/mkdocs.sh\n", size)
		return nil
	}
	output := filepath.Join(work, fmt.Sprintf("mkdocs-%d", size))
	command := exec.CommandContext(ctx, program, "--quiet", "build", "-f", filepath.Join(source, "mkdocs.yml"), "-d", output)
	command.Env = append(os.Environ(), "NO_MKDOCS_2_WARNING=true", "DISABLE_MKDOCS_2_WARNING=true")
	theirs, err := measure(command, output)
	if err != nil {
		return err
	}
	theirs.print(table, fmt.Sprintf("%d pages, MkDocs", size))
	fmt.Fprintf(table, "%d pages, MkDocs to Portico\t%.0f times\t%.0f times\t%.1f times\t%.1f times\n", size, ratio(theirs.wall, own.wall), ratio(theirs.cpu, own.cpu),
		ratio(theirs.memory, own.memory), ratio(theirs.output, own.output))
	return nil
}

func ratio[N ~int64](a, b N) float64 { return float64(a) / float64(max(b, 1)) }

type measurement struct {
	wall, cpu      time.Duration
	memory, output int64
	printed        string
}

func (m measurement) print(table *tabwriter.Writer, what string) {
	fmt.Fprintf(table, "%s\t%.2f s\t%.2f s\t%d MiB\t%.1f MiB\n", what, m.wall.Seconds(), m.cpu.Seconds(), m.memory>>20, float64(m.output)/(1<<20))
}

// self measures this program doing something.
func self(ctx context.Context, output string, arguments ...string) (measurement, error) {
	program, err := os.Executable()
	if err != nil {
		return measurement{}, err
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return measurement{}, err
	}
	command := exec.CommandContext(ctx, program, append(arguments, output)...)
	return measure(command, output)
}

func measure(command *exec.Cmd, output string) (measurement, error) {
	var printed strings.Builder
	command.Stdout, command.Stderr = &printed, os.Stderr
	started := time.Now()
	if err := command.Run(); err != nil {
		return measurement{}, fmt.Errorf("%s: %w", command, err)
	}
	m := measurement{wall: time.Since(started), cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime(), printed: printed.String()}
	if usage, is := command.ProcessState.SysUsage().(*syscall.Rusage); is {
		m.memory = usage.Maxrss << 10 // Linux counts in KiB
	}
	err := filepath.WalkDir(output, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			m.output += info.Size()
		}
		return err
	})
	return m, err
}

func generate(source, output string) (time.Duration, error) {
	if err := os.MkdirAll(output, 0o755); err != nil {
		return 0, err
	}
	return generateWith(site.New(site.Config{}), source, output)
}

func generateWith(generator techdocs.Generator, source, output string) (time.Duration, error) {
	started := time.Now()
	_, err := generator.Generate(context.Background(), source, output, techdocs.Options{})
	return time.Since(started), err
}

// change builds a site, changes a page, and prints how long it takes to make the new site of the old one in the same process, as a worker does.
func change(source, output string) error {
	generator := site.New(site.Config{})
	if _, err := generateWith(generator, source, output); err != nil {
		return err
	}
	page := filepath.Join(source, "docs", "index.md")
	content, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if err := os.WriteFile(page, append(content, "\nOne more sentence.\n"...), 0o600); err != nil {
		return err
	}
	took, err := generateWith(generator, source, output)
	fmt.Fprintf(os.Stdout, "%.3f s\n", took.Seconds())
	return err
}

// manySites builds as many sites of 20 pages, one after the other, in one process.
func manySites(ctx context.Context, table *tabwriter.Writer, work string, sites int) error {
	source := filepath.Join(work, "source-20")
	for i := range sites {
		if err := pages.Write(filepath.Join(source, strconv.Itoa(i)), 20, uint64(i)); err != nil {
			return err
		}
	}
	m, err := self(ctx, filepath.Join(work, "many"), "many", strconv.Itoa(sites), source)
	if err != nil {
		return err
	}
	m.print(table, fmt.Sprintf("%d sites of 20 pages, one after the other", sites))
	return nil
}

func many(count, source, output string) error {
	sites, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	generator := site.New(site.Config{})
	for i := range sites {
		folder := filepath.Join(output, strconv.Itoa(i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		if _, err := generateWith(generator, filepath.Join(source, strconv.Itoa(i)), folder); err != nil {
			return err
		}
	}
	return nil
}
