package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/webhook"
	"github.com/portico-dev/portico/internal/testkit"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	ada    = audit.Actor{Kind: "user", Subject: "user:default/ada"}
)

// receiver is another system that takes the audit log. It checks each signature.
type receiver struct {
	t *testing.T

	mu sync.Mutex
	// ids and bodies are those of the messages that it took.
	ids    []string
	bodies []string
	// answer, unless it is nil, answers instead of taking a message.
	answer func(w http.ResponseWriter, id string) (isTaken bool)
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id, timestamp := request.Header.Get("Webhook-Id"), request.Header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	if request.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.t.Errorf("message %s has a wrong signature", id)
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		r.t.Errorf("message %s has the time %q", id, timestamp)
	}
	if r.answer != nil && !r.answer(w, id) {
		return
	}
	r.ids, r.bodies = append(r.ids, id), append(r.bodies, string(body))
}

// answers replaces what answers.
func (r *receiver) answers(answer func(w http.ResponseWriter, id string) (isTaken bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// messages are the ids of the messages that it took.
func (r *receiver) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

// taken are the events that the receiver took, as lines.
func (r *receiver) taken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.bodies, "")
}

// sending is an audit log with a receiver.
type sending struct {
	t        *testing.T
	pool     *pgxpool.Pool
	log      *audit.Log
	receiver *receiver
	url      string
	logged   bytes.Buffer
}

func newSending(t *testing.T) *sending {
	t.Helper()
	s := &sending{t: t, pool: testkit.Database(t), receiver: &receiver{t: t}}
	s.log = audit.NewLog(s.pool, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(s.receiver)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// options are those of a process.
func (s *sending) options() webhook.Options {
	return webhook.Options{Log: slog.New(slog.NewTextHandler(&s.logged, nil)), Pool: s.pool, Audit: s.log, URL: s.url + "/audit?token=canary",
		Secret: secret, Transport: http.DefaultTransport}
}

// sender is the one of a process.
func (s *sending) sender() *webhook.Sender { return webhook.New(s.options()) }

// record records and seals one event.
func (s *sending) record(resource string) {
	s.t.Helper()
	require.NoError(s.t, audit.Record(s.t.Context(), s.pool, ada, audit.EntityDelete, resource))
	_, err := s.log.Seal(s.t.Context())
	require.NoError(s.t, err)
}

// send sends all there is.
func (s *sending) send() {
	s.t.Helper()
	more, err := s.sender().Send(s.t.Context())
	require.NoError(s.t, err)
	require.False(s.t, more)
}

// exported is the export of the whole log.
func (s *sending) exported() string {
	s.t.Helper()
	var out bytes.Buffer
	require.NoError(s.t, s.log.Export(s.t.Context(), audit.Span{}, &out))
	return out.String()
}

// waited ends the wait after a failure.
func (s *sending) waited() {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), "update audit_webhook set next_attempt_at = now()")
	require.NoError(s.t, err)
}

// earlier makes all that happened earlier.
func (s *sending) earlier(by string) {
	s.t.Helper()
	for _, statement := range []string{"alter table audit_seals disable trigger user", "update audit_seals set sealed_at = sealed_at - interval '" + by + "'",
		"update audit_webhook set progress_at = progress_at - interval '" + by + "'"} {
		_, err := s.pool.Exec(s.t.Context(), statement)
		require.NoError(s.t, err)
	}
}

// backlog are the seals that are not taken, and for how long none was.
func (s *sending) backlog() (seals, lag float64) {
	s.t.Helper()
	samples, err := s.sender().Backlog(s.t.Context())
	require.NoError(s.t, err)
	return samples[0].Value, samples[1].Value
}

// TestTheReceiverGetsWhatAnExportHas: every sealed event once and in order, and no others.
func TestTheReceiverGetsWhatAnExportHas(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	s.send()
	require.Empty(t, s.receiver.taken())
	for n := range 3 {
		s.record(fmt.Sprint("component:default/", n))
	}
	require.NoError(t, audit.Record(t.Context(), s.pool, ada, audit.EntityDelete, "not sealed yet"))
	s.send()
	s.send()
	require.Equal(t, s.exported(), s.receiver.taken())
	require.Len(t, s.receiver.messages(), 3)
	seals, lag := s.backlog()
	require.Zero(t, seals)
	require.Zero(t, lag)

	s.record("component:default/later")
	seals, lag = s.backlog()
	require.InDelta(t, 1, seals, 0)
	require.Positive(t, lag)
	require.Empty(t, s.sender().Problems())
	s.earlier("20 minutes")
	require.Equal(t, []string{"the webhook of the audit log has not taken events for 20m0s"}, s.sender().Problems())
	s.send()
	require.Equal(t, s.exported(), s.receiver.taken())
}

// TestAWebhookIsLateWhenItTakesNothing: not because a new one begins with seals of last year, and not while it takes
// them one after the other.
func TestAWebhookIsLateWhenItTakesNothing(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	for n := range 5 {
		s.record(fmt.Sprint("component:default/", n))
	}
	s.earlier("1 year")
	_, err := s.pool.Exec(t.Context(), "delete from audit_seals where number <= 2")
	require.NoError(t, err)
	expect := func(pending, lag float64) {
		t.Helper()
		seals, seconds := s.backlog()
		require.InDelta(t, pending, seals, 0)
		require.InDelta(t, lag, seconds, 60)
	}
	expect(3, 0)
	require.Empty(t, s.sender().Problems())

	s.receiver.answers(func(w http.ResponseWriter, _ string) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return false
	})
	_, err = s.sender().Send(t.Context())
	require.Error(t, err)
	expect(3, 0)
	s.earlier("20 minutes")
	expect(3, 1200)
	require.Len(t, s.sender().Problems(), 1)

	taken := 0
	s.receiver.answers(func(w http.ResponseWriter, _ string) bool {
		if taken++; taken > 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return taken == 1
	})
	s.waited()
	_, err = s.sender().Send(t.Context())
	require.Error(t, err)
	expect(2, 0)
	require.Empty(t, s.sender().Problems())
}

// TestAMessageIsBoundedInBytes: a seal with more is sent in several messages, and continued after the last one that was
// taken. A larger event goes alone.
func TestAMessageIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	const bound = 512 << 10
	s := newSending(t)
	add := func(changes int) {
		_, err := s.pool.Exec(t.Context(), `with added as (
			insert into audit_events (id, at, actor_kind, actor, action, resource, outcome, changes)
			select $1, now(), 'user', 'user:default/ada', 'entity.delete', 'component:default/a', 'done', to_json(array[repeat('x', $2)]) returning id
		) insert into audit_unsealed select id from added`, uuid.Must(uuid.NewV7()), changes)
		require.NoError(t, err)
	}
	for range 100 {
		add(8 << 10)
	}
	add(bound)
	add(1)
	_, err := s.log.Seal(t.Context())
	require.NoError(t, err)

	var mu sync.Mutex
	tried := map[string]int{}
	s.receiver.answers(func(w http.ResponseWriter, id string) bool {
		mu.Lock()
		defer mu.Unlock()
		tried[id]++
		if len(tried) == 2 && tried[id] == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return false
		}
		return true
	})
	_, err = s.sender().Send(t.Context())
	require.ErrorContains(t, err, "seal 1")
	s.waited()
	s.send()
	require.Equal(t, s.exported(), s.receiver.taken())
	var lines []int
	for _, body := range s.receiver.bodies {
		lines = append(lines, strings.Count(body, "\n"))
		require.True(t, len(body) <= bound || strings.Count(body, "\n") == 1, len(body))
	}
	require.Equal(t, []int{61, 39, 1, 1}, lines)
	require.Len(t, tried, 4)
	seals, _ := s.backlog()
	require.Zero(t, seals)
}

// TestTheRestOfADeletedSealIsNotAppliedToTheNextOne: the retention may delete a seal of which the receiver has a part.
func TestTheRestOfADeletedSealIsNotAppliedToTheNextOne(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	for n := range 3 {
		s.record(fmt.Sprint("component:default/", n))
	}
	for _, statement := range []string{"alter table audit_seals disable trigger user", "delete from audit_seals where number <= 2",
		"update audit_webhook set delivered = 1, delivered_events = 1"} {
		_, err := s.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s.send()
	require.Contains(t, s.receiver.taken(), "component:default/2")
	require.Contains(t, s.logged.String(), "first=2 last=2")
}

// TestAnIdleWebhookWritesNothing: it is asked every two seconds, all day.
func TestAnIdleWebhookWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	version := func() (version string) {
		require.NoError(t, s.pool.QueryRow(t.Context(), "select xmin::text || ctid::text from audit_webhook").Scan(&version))
		return version
	}
	idle := func() {
		t.Helper()
		before := version()
		s.send()
		require.Equal(t, before, version())
	}
	idle()
	s.record("component:default/a")
	s.send()
	idle()
	s.receiver.answers(func(w http.ResponseWriter, _ string) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return false
	})
	s.record("component:default/b")
	_, err := s.sender().Send(t.Context())
	require.Error(t, err)
	idle()
}

// TestAMessageThatIsNotTakenIsSentAgain: with the same id, after a wait, and before the next one.
func TestAMessageThatIsNotTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter){
		"it fails":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"it refuses":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) },
		"it redirects":  func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(http.StatusFound) },
		"it breaks off": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"it asks to wait": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1800")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSending(t)
			s.record("component:default/a")
			s.record("component:default/b")
			var mu sync.Mutex
			var tried []string
			attempts := func() []string {
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(tried)
			}
			s.receiver.answers(func(w http.ResponseWriter, id string) bool {
				mu.Lock()
				tried = append(tried, id)
				mu.Unlock()
				answer(w)
				return false
			})
			_, err := s.sender().Send(t.Context())
			require.ErrorContains(t, err, "seal 1")
			require.NotContains(t, err.Error(), "canary")
			s.send() // it waits
			require.Len(t, attempts(), 1)
			var wait float64
			require.NoError(t, s.pool.QueryRow(t.Context(), "select extract(epoch from next_attempt_at - now()) from audit_webhook").Scan(&wait))
			if name == "it asks to wait" {
				require.InDelta(t, 1800, wait, 60)
			} else {
				require.Less(t, wait, 3.0)
			}

			s.waited()
			_, err = s.sender().Send(t.Context())
			require.ErrorContains(t, err, "(failed attempts: 2; the next is in ")
			s.receiver.answers(nil)
			s.waited()
			s.send()
			require.Equal(t, []string{s.receiver.messages()[0], s.receiver.messages()[0]}, attempts())
			require.Equal(t, s.exported(), s.receiver.taken())
		})
	}
}

// TestTheWaitDoublesUpToFiveMinutes: unless the receiver asks for a longer one, up to an hour.
func TestTheWaitDoublesUpToFiveMinutes(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	s.record("component:default/a")
	for attempt, test := range []struct{ asked, wait string }{
		{"", "2s"}, {"", "4s"}, {"1", "8s"}, {"soon", "16s"}, {"-5", "32s"}, {"60", "1m4s"}, {"", "2m8s"}, {"", "4m16s"}, {"", "5m0s"}, {"", "5m0s"},
		{"1800", "30m0s"}, {"7200", "1h0m0s"}, {"99999999999999999999", "1h0m0s"},
	} {
		s.receiver.answers(func(w http.ResponseWriter, _ string) bool {
			w.Header().Set("Retry-After", test.asked)
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		})
		s.waited()
		_, err := s.sender().Send(t.Context())
		require.ErrorContains(t, err, fmt.Sprintf("(failed attempts: %d; the next is in %s)", attempt+1, test.wait))
	}
}

// TestAFailureAfterTheLeaseIsTheOtherWorkersBusiness: it neither waits for this one nor is its row changed.
func TestAFailureAfterTheLeaseIsTheOtherWorkersBusiness(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	s.record("component:default/a")
	s.receiver.answers(func(w http.ResponseWriter, _ string) bool {
		_, err := s.pool.Exec(t.Context(), "update audit_webhook set lease = gen_random_uuid()")
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusInternalServerError)
		return false
	})
	_, err := s.sender().Send(t.Context())
	require.ErrorContains(t, err, "has not taken seal 1")
	require.NotErrorIs(t, err, pgx.ErrNoRows)
	var failures int
	require.NoError(t, s.pool.QueryRow(t.Context(), "select failures from audit_webhook").Scan(&failures))
	require.Zero(t, failures)
}

// TestOneWorkerSendsAtATime: so that the order is the one of the log.
func TestOneWorkerSendsAtATime(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	for n := range 5 {
		s.record(fmt.Sprint("component:default/", n))
	}
	arrived, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.receiver.answers(func(http.ResponseWriter, string) bool {
		once.Do(func() { close(arrived); <-goOn })
		return true
	})
	var group sync.WaitGroup
	group.Go(s.send)
	<-arrived
	s.send() // while the other one sends: it neither waits nor sends
	close(goOn)
	group.Wait()
	require.Equal(t, s.exported(), s.receiver.taken())
}

// TestAWorkerThatDiedIsReplaced: what it had sent without noting it is sent again, with the same id.
func TestAWorkerThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	s.record("component:default/a")
	s.record("component:default/b")
	ctx, die := context.WithCancel(t.Context())
	s.receiver.answers(func(http.ResponseWriter, string) bool {
		die()
		return true
	})
	_, err := s.sender().Send(ctx)
	require.ErrorIs(t, err, context.Canceled)
	s.receiver.answers(nil)
	s.send()
	require.Len(t, s.receiver.messages(), 3)
	require.Equal(t, s.receiver.messages()[0], s.receiver.messages()[1])
	require.Equal(t, s.exported(), strings.Join(slices.Compact(s.receiver.bodies), ""))

	s.record("component:default/c")
	_, err = s.pool.Exec(t.Context(), "update audit_webhook set leased_until = now() + interval '1 minute'")
	require.NoError(t, err)
	s.send()
	require.Len(t, s.receiver.messages(), 3, "its lease is not over")
}

// TestAChangedLogDoesNotStopTheExport: the receiver gets the rest, in which the chain is broken.
func TestAChangedLogDoesNotStopTheExport(t *testing.T) {
	t.Parallel()
	s := newSending(t)
	s.record("component:default/a")
	s.send()
	for n := range 4 {
		s.record(fmt.Sprint("component:default/", n))
	}
	for _, statement := range []string{"alter table audit_events disable trigger user", "alter table audit_seals disable trigger user",
		"delete from audit_seals where number = 2", "delete from audit_events where resource = 'component:default/1'",
		"update audit_seals set hashes = '{}' where number = 4"} {
		_, err := s.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	s.send()
	require.Len(t, s.receiver.messages(), 2, "there is nothing to send of a seal without events")
	require.Contains(t, s.receiver.taken(), "component:default/3")
	require.Contains(t, s.logged.String(), "seals of the audit log were deleted before the webhook had them")
	day := time.Now().UTC().Format(time.DateOnly)
	require.Contains(t, s.logged.String(), "seal 3 of "+day+" lacks the events")
	require.Contains(t, s.logged.String(), "seal 4 of "+day+" has not one hash for each event")
}
