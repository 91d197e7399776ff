// Command nunjucks measures the CPU time of rendering a 1,000-file skeleton with this interpreter and with
// node and the real nunjucks, in one run on one machine, and prints both and their ratio. Half the files have
// tags. It needs npm ci in this directory first, and runs from it: go run .
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

const (
	fileCount = 1_000
	rounds    = 7
	variables = `{"values": {"name": "shop-api", "owner": "team-a", "langs": ["go", "ts", "py"], "docs": true}}`
)

func main() {
	if err := measure(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measurement is one side's time for each round, and the digest of its output.
type measurement struct {
	Digest    string    `json:"digest"`
	CPUMillis []float64 `json:"cpuMillis"`
}

func measure(ctx context.Context) error {
	directory, err := os.MkdirTemp("", "portico-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	files := skeleton()
	if err := write(directory, files); err != nil {
		return err
	}
	theirs, err := measureNode(ctx, directory)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	ours, err := measureHere(ctx, files)
	if err != nil {
		return fmt.Errorf("portico: %w", err)
	}
	if ours.Digest != theirs.Digest {
		return errors.New("the two sides rendered different text")
	}
	report("first round", ours.CPUMillis[0], theirs.CPUMillis[0])
	report(fmt.Sprintf("median of %d", rounds), median(ours.CPUMillis), median(theirs.CPUMillis))
	return nil
}

func report(name string, ours, theirs float64) {
	fmt.Fprintf(os.Stdout, "%-12s  portico %7.1f ms CPU   node with nunjucks %7.1f ms CPU   %.1f times less\n", name, ours, theirs, theirs/ours)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// file is a file of the skeleton; its name is a template too.
type file struct{ name, source string }

// skeleton makes files of about 2 KB: every second has outputs, every tenth loops and conditions.
func skeleton() []file {
	files := make([]file, fileCount)
	for i := range files {
		name := fmt.Sprintf("file-%d.txt", i)
		if i%25 == 0 {
			name = fmt.Sprintf("${{ values.name }}-%d.txt", i)
		}
		files[i] = file{filepath.Join(fmt.Sprintf("d%d", i/20), name), content(i)}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files
}

func content(i int) string {
	var text strings.Builder
	tagged := i%2 == 0
	if tagged {
		text.WriteString("name: ${{ values.name }}\nowner: ${{ values.owner | upper }}\n" +
			"module: ${{ values.name | replace(\"-\", \"_\") }}\n")
	}
	if i%10 == 0 {
		text.WriteString("{% for l in values.langs %}\n- lang ${{ loop.index }} ${{ l }}" +
			"{% if l == \"go\" %} (compiled){% else %} (other){% endif %}\n{% endfor %}\n" +
			"{% if values.docs %}docs: true\n{% endif %}\n")
	}
	for line := 0; text.Len() < 2048; line++ {
		if tagged && line%8 == 7 {
			text.WriteString("x ${{ values.name }} ")
		}
		fmt.Fprintf(&text, "line %d lorem ipsum dolor sit amet, consectetur adipiscing elit sed\n", line)
	}
	return text.String()
}

func write(directory string, files []file) error {
	for _, f := range files {
		path := filepath.Join(directory, "skeleton", f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.source), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(directory, "context.json"), []byte(variables), 0o600)
}

func measureNode(ctx context.Context, directory string) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "render.js", directory, fmt.Sprint(rounds))
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return measurement{}, err
	}
	var result measurement
	return result, json.Unmarshal(out, &result)
}

func measureHere(ctx context.Context, files []file) (measurement, error) {
	decoded, err := nunjucks.DecodeJSON([]byte(variables))
	if err != nil {
		return measurement{}, err
	}
	data, ok := decoded.(*nunjucks.Object)
	if !ok {
		return measurement{}, errors.New("the variables are not an object")
	}
	var result measurement
	for range rounds {
		before := cpuTime()
		outputs, err := render(ctx, files, data)
		if err != nil {
			return measurement{}, err
		}
		result.CPUMillis = append(result.CPUMillis, float64(cpuTime()-before)/float64(time.Millisecond))
		digest := sha256.Sum256([]byte(strings.Join(outputs, "\x00")))
		result.Digest = hex.EncodeToString(digest[:])
	}
	return result, nil
}

// render renders every path and every file, as fetch:template does.
func render(ctx context.Context, files []file, data *nunjucks.Object) ([]string, error) {
	env := nunjucks.New(nunjucks.Options{})
	outputs := make([]string, 0, 2*len(files))
	for _, f := range files {
		for _, source := range []string{f.name, f.source} {
			template, err := env.Parse(source)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			text, err := template.Render(ctx, data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			outputs = append(outputs, text)
		}
	}
	return outputs, nil
}

// cpuTime is the processor time that this process has used, the collector's included.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
