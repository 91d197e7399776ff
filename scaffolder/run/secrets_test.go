package run_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

const secret = "hunter2-very-secret"

// everything is the content of all tables of runs, as one text.
func (r record) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"runs", "run_secrets", "run_steps", "run_iterations", "run_events", "run_effects"} {
		rows, err := r.pool.Query(t.Context(), "select t::text || encode(convert_to(t::text, 'UTF8'), 'escape') from "+table+" as t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

func TestSecretsAreStoredSealed(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	redact := run.NewRedactor(map[string]string{"token": secret})
	output := json.RawMessage(`{"url":"https://x?t=` + secret + `"}`)
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing, Iterations: []run.Iteration{{Index: 0, Output: output}}}}})
	require.NotContains(t, r.everything(t), secret)
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusCompleted, Output: output, Shown: redact.JSON(output)}}})
	r.write(t, id, run.Entry{Steps: []run.StepChange{{Position: 1, Status: run.StatusCompleted, Output: json.RawMessage(`{"n":1}`), Shown: json.RawMessage(`{"n":1}`)}}})
	held := r.everything(t)
	require.NotContains(t, held, secret)
	require.NotContains(t, held, `\x`+hexOf(secret))

	state := r.state(t, id)
	require.Equal(t, map[string]string{"token": secret}, state.Secrets)
	require.Equal(t, `{"url":"https://x?t=***"}`, string(r.step(t, id, 0).Output), "what people see") //nolint:testifylint // as it is stored
	outputs, err := r.Outputs(t.Context(), id, []int{0, 1})
	require.NoError(t, err)
	open := json.RawMessage(`{"n":1}`)
	require.Equal(t, []action.StepOutput{{StepID: "one", Output: output, Shown: redact.JSON(output)}, {StepID: "two", Output: open, Shown: open}},
		outputs, "what expressions see")
}

func hexOf(text string) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, b := range []byte(text) {
		out.WriteByte(digits[b>>4])
		out.WriteByte(digits[b&15])
	}
	return out.String()
}

func TestSecretsAreDeletedWhenTheRunEnds(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ended := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	parked := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	r.write(t, ended, run.Entry{End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone, ForgetSecrets: true}})
	r.write(t, parked, run.Entry{End: &failed})
	for id, expected := range map[uuid.UUID]int{ended: 0, parked: 1} {
		require.Len(t, r.state(t, id).Secrets, expected)
	}
	require.NoError(t, r.ForgetSecrets(t.Context(), parked))
	require.Empty(t, r.state(t, parked).Secrets)
}

func TestSecretsOpenOnlyWithTheirKeyAndForTheirRun(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": secret} })
	other := r.create(t, func(n *run.New) { n.Secrets = map[string]string{"token": "another"} })
	keys, err := seal.NewKeyring(seal.GenerateKey("other"))
	require.NoError(t, err)
	_, err = run.NewStore(r.pool, keys).State(t.Context(), id)
	require.ErrorContains(t, err, `secrets of run `+id.String()+`: sealed with key "test"`)

	_, err = r.pool.Exec(t.Context(), "update run_secrets set sealed = (select sealed from run_secrets where run_id = $1) where run_id = $2", id, other)
	require.NoError(t, err)
	_, err = r.elsewhere().State(t.Context(), other)
	require.ErrorContains(t, err, "secrets of run "+other.String())
}

func TestRedaction(t *testing.T) {
	t.Parallel()
	redact := run.NewRedactor(map[string]string{"long": "abcdef", "inner": "cd", "one": "x", "blank": "  ", "padded": " pad ", "lines": "a\nb"})
	for text, expected := range map[string]string{
		"nothing here":        "nothing here",
		"abcdef":              "***",
		"-abcdef-cd-":         "-***-***-",
		"x marks the spot":    "x marks the spot",
		"pad and padding":     "*** and ***ding",
		"over a\nb two lines": "over *** two lines",
		"":                    "",
	} {
		require.Equal(t, expected, redact.Text(text))
	}
	for document, expected := range map[string]string{
		`{"z":"abcdef","a":["cd",1,null,{"abcdef":"k"}]}`: `{"z":"***","a":["***",1,null,{"***":"k"}]}`,
		`"a\nb"`:    `"***"`,
		`{"a":1}`:   `{"a":1}`,
		`7`:         `7`,
		`no abcdef`: `no ***`,
		``:          ``,
	} {
		require.Equal(t, expected, string(redact.JSON(json.RawMessage(document))), document)
	}
	derived := redact.Also([]string{"ABCDEF", "has abcdef inside", "y"})
	require.Equal(t, "*** and *** ***, y", derived.Text("ABCDEF and abcdef has abcdef inside, y"))
	untouched := json.RawMessage(`{"b" : 1,  "a":2}`)
	require.Equal(t, untouched, run.NewRedactor(nil).JSON(untouched), "without secrets not a byte is changed")
}
