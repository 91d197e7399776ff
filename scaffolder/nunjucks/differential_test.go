package nunjucks_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// peerDirectory contains the real nunjucks after npm ci.
const peerDirectory = "testdata/peer"

// TestDifferential renders generated templates here and with the real nunjucks. PORTICO_NUNJUCKS_CASES sets
// how many, PORTICO_NUNJUCKS_SEED the first seed, as `make fuzz` does. Without a seed the templates are the
// same each time.
func TestDifferential(t *testing.T) {
	t.Parallel()
	requirePeer(t)
	count := environmentNumber(t, "PORTICO_NUNJUCKS_CASES", 4_000)
	seeds := []uint64{1, 352831130579, 18307590222142, 13153135994841}
	if os.Getenv("PORTICO_NUNJUCKS_SEED") != "" {
		seeds = []uint64{uint64(environmentNumber(t, "PORTICO_NUNJUCKS_SEED", 1))}
	}
	t.Logf("seeds %v", seeds)
	var tally tally
	for _, seed := range seeds {
		tally.compare(t, seed, count/len(seeds))
	}
	t.Logf("%d templates: %d print the same, %d fail in both, %d fail in nunjucks only, %d print a function, %d exceed a limit",
		count, tally.same, tally.bothFail, tally.lenient, tally.functions, tally.limited)
	require.Empty(t, tally.mismatches)
	require.LessOrEqual(t, tally.lenient*20, tally.bothFail+tally.lenient, "templates that fail in nunjucks only: %s",
		strings.Join(tally.examples, "\n"))
}

// requirePeer skips the test when node or the npm package is missing. Where they are required, it fails the
// test.
func requirePeer(t *testing.T) {
	t.Helper()
	_, nodeErr := exec.LookPath("node")
	_, packageErr := os.Stat(filepath.Join(peerDirectory, "node_modules", "nunjucks"))
	if nodeErr == nil && packageErr == nil {
		return
	}
	if os.Getenv("PORTICO_REQUIRE_NODE") == "1" {
		require.NoError(t, nodeErr)
		require.NoError(t, packageErr, "run npm ci in %s", peerDirectory)
	}
	t.Skip("node or the npm package nunjucks is not installed: run npm ci in " + peerDirectory)
}

func environmentNumber(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	number, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return number
}

// tally counts how the two sides compare.
type tally struct {
	same, bothFail, lenient, functions, limited int
	mismatches, examples                        []string
}

// outcome is the result of one side: a text or an error.
type outcome struct {
	Output *string `json:"output"`
	Error  *string `json:"error"`
}

// compare renders count generated templates on both sides. A template that exceeds a limit here is not sent
// to node, which would be busy until its memory is full.
func (c *tally) compare(t *testing.T, firstSeed uint64, count int) {
	t.Helper()
	var seeds []uint64
	var lines [][]byte
	var ours []outcome
	for seed := firstSeed; seed < firstSeed+uint64(count); seed++ {
		line := generate(seed).line(t)
		result := evaluate(t, line)
		if result.Error != nil && strings.Contains(*result.Error, "exceeds the limit of") {
			c.limited++
			continue
		}
		seeds, lines, ours = append(seeds, seed), append(lines, line), append(ours, result)
	}
	theirs := &peer{lines: lines}
	for i := range lines {
		result, answered := theirs.outcome(t)
		if !answered {
			c.limited++
			continue
		}
		c.record(seeds[i], string(lines[i]), ours[i], result)
	}
}

// evaluate renders a line with this package.
func evaluate(t *testing.T, line []byte) outcome {
	t.Helper()
	var out bytes.Buffer
	limits := nunjucks.Limits{Steps: 1_000_000, OutputBytes: 1 << 20, AllocationBytes: 16 << 20, Depth: 5_000}
	require.NoError(t, nunjucks.EvaluateLines(t.Context(), bytes.NewReader(line), &out, limits))
	var result outcome
	require.NoError(t, json.Unmarshal(out.Bytes(), &result))
	return result
}

// line encodes the case for both sides.
func (tc generatedCase) line(t *testing.T) []byte {
	t.Helper()
	request := nunjucks.NewObject()
	request.Set("template", tc.template)
	request.Set("context", tc.context)
	request.Set("opts", tc.options)
	line, err := nunjucks.EncodeJSON(request)
	require.NoError(t, err)
	return append(line, '\n')
}

// peerTimeout bounds the time that node may take for one template.
const peerTimeout = 10 * time.Second

// peer is a node process with the real nunjucks, which renders one line after the other.
type peer struct {
	lines   [][]byte
	next    int
	command *exec.Cmd
	out     *bufio.Reader
}

// start starts the process with the next line.
func (p *peer) start(t *testing.T) {
	t.Helper()
	p.command = exec.CommandContext(t.Context(), "node", "--max-old-space-size=1024", "render.js")
	p.command.Dir = peerDirectory
	in, err := p.command.StdinPipe()
	require.NoError(t, err)
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.command.Start())
	go feed(in, p.lines[p.next:])
}

func feed(in io.WriteCloser, lines [][]byte) {
	defer func() { _ = in.Close() }()
	for _, line := range lines {
		if _, err := in.Write(line); err != nil {
			return
		}
	}
}

// outcome returns nunjucks' result for the next line. It is not answered when node crashed or took too long:
// that is no difference in the language.
func (p *peer) outcome(t *testing.T) (result outcome, answered bool) {
	t.Helper()
	if p.out == nil {
		p.start(t)
	}
	watchdog := time.AfterFunc(peerTimeout, func() { _ = p.command.Process.Kill() })
	line, err := p.out.ReadBytes('\n')
	watchdog.Stop()
	p.next++
	if p.next == len(p.lines) || err != nil {
		_ = p.command.Wait()
		p.out = nil
	}
	if err != nil {
		t.Logf("node died of %s", p.lines[p.next-1])
		return outcome{}, false
	}
	require.NoError(t, json.Unmarshal(line, &result))
	return result, true
}

func (c *tally) record(seed uint64, line string, ours, theirs outcome) {
	describe := func() string {
		return strconv.FormatUint(seed, 10) + ": " + line + "  nunjucks: " + theirs.describe() + "\n  portico:  " + ours.describe()
	}
	switch {
	case theirs.Error != nil && ours.Error != nil:
		c.bothFail++
	case theirs.Error != nil:
		c.lenient++
		if len(c.examples) < 20 {
			c.examples = append(c.examples, describe())
		}
	case ours.Output != nil && *ours.Output == *theirs.Output:
		c.same++
	case ours.Error != nil && refusesFunction(*ours.Error):
		c.functions++
	default:
		c.mismatches = append(c.mismatches, describe())
	}
}

// refusesFunction reports whether we fail because a function would become text. nunjucks prints its source.
// This difference is intended.
func refusesFunction(ours string) bool { return strings.Contains(ours, "a function cannot be printed") }

func (o outcome) describe() string {
	if o.Error != nil {
		return "ERROR " + *o.Error
	}
	return strconv.Quote(*o.Output)
}
