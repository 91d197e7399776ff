package outbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/outbox"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/webhook"
)

var secret = []byte("a secret of twenty-four bytes")

// receiver takes messages, or refuses them with a status.
type receiver struct {
	*apitest.Server
	mu     sync.Mutex
	status int
	// tried are the ids of all messages, and taken the bodies of those that were taken.
	tried, taken []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = apitest.Start(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.%s", request.Header.Get("Webhook-Id"), request.Header.Get("Webhook-Timestamp"), body)
		signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if err != nil || request.Header.Get("Webhook-Signature") != signature {
			t.Errorf("a message is not signed: %v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tried = append(r.tried, request.Header.Get("Webhook-Id"))
		if r.status/100 == 2 {
			r.taken = append(r.taken, string(body))
		}
		w.WriteHeader(r.status)
	}))
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// changes are what was taken: "created component:default/a".
func (r *receiver) changes(t *testing.T) []string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, body := range r.taken {
		var message struct {
			Type string
			Data struct {
				Changes []struct{ Change, EntityRef string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(body), &message))
		require.Equal(t, "catalog.entities.changed", message.Type)
		for _, change := range message.Data.Changes {
			texts = append(texts, change.Change+" "+change.EntityRef)
		}
	}
	return texts
}

// bench is a catalog with webhooks.
type bench struct {
	*testing.T
	pool   *pgxpool.Pool
	logged strings.Builder
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{T: t, pool: testkit.Database(t)}
}

// sender is configured with receivers by their names.
func (b *bench) sender(receivers map[string]*receiver) *outbox.Sender {
	b.Helper()
	options := outbox.Options{Pool: b.pool, Log: slog.New(slog.NewTextHandler(&b.logged, nil))}
	for name, r := range receivers {
		options.Webhooks = append(options.Webhooks, outbox.Webhook{Name: name, Receiver: webhook.New(webhook.Options{
			Setting: "catalog.events.webhooks[0]", URL: r.URL + "/canary", Secret: secret, Transport: http.DefaultTransport})})
	}
	sender := outbox.New(options)
	require.NoError(b, sender.Configure(b.Context()))
	return sender
}

func (b *bench) exec(statement string, arguments ...any) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), statement, arguments...)
	require.NoError(b, err)
}

// serve writes served entities as the catalog does.
func (b *bench) serve(hash string, names ...string) {
	b.Helper()
	b.exec(`insert into catalog_entities (entity_id, entity_ref, hash, entity)
		select md5(name)::uuid, 'component:default/' || name, $1, '{}' from unnest($2::text[]) as name
		on conflict (entity_id) do update set hash = excluded.hash, entity = excluded.entity, updated_at = now()`, hash, names)
}

// send sends all there is.
func (b *bench) send(sender *outbox.Sender) {
	b.Helper()
	more, err := sender.Send(b.Context())
	require.NoError(b, err)
	require.False(b, more)
}

// TestEveryChangeIsSentInOrder: created, updated and deleted, once for each webhook, and not before there was one.
func TestEveryChangeIsSentInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve("3:before", "early")
	one, two := newReceiver(t), newReceiver(t)
	sender := b.sender(map[string]*receiver{"one": one, "two": two})
	b.send(sender)
	b.serve("3:first", "b", "a")
	b.serve("3:second", "a")
	b.serve("4:second", "a") // another version stitched the same document
	b.exec("update catalog_entities set updated_at = now()")
	b.exec("delete from catalog_entities where entity_ref = 'component:default/b'")
	b.serve("3:again", "b")
	b.send(sender)
	expected := []string{"created component:default/a", "created component:default/b", "updated component:default/a", "deleted component:default/b", "created component:default/b"}
	require.Equal(t, expected, one.changes(t))
	require.Equal(t, expected, two.changes(t))
	b.send(sender)
	require.Len(t, one.tried, 1, "nothing is sent twice, and nothing when nothing has changed")
}

// TestAMessageThatIsNotTakenIsSentAgain: with the same id, after a wait, and before the next one; other webhooks do not
// wait.
func TestAMessageThatIsNotTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	failing, working := newReceiver(t), newReceiver(t)
	sender := b.sender(map[string]*receiver{"failing": failing, "working": working})
	failing.answer(http.StatusServiceUnavailable)
	b.serve("3:x", "a")
	_, err := sender.Send(t.Context())
	require.ErrorContains(t, err, "catalog.events.webhooks[0] has not taken 1 changes: it answered 503 Service Unavailable")
	require.ErrorContains(t, err, "(failed attempts: 1; the next is in 2s)")
	require.NotContains(t, err.Error(), "canary")
	require.Equal(t, []string{"created component:default/a"}, working.changes(t))
	b.send(sender) // it waits
	require.Len(t, failing.tried, 1)

	failing.answer(http.StatusOK)
	b.exec("update catalog_webhooks set next_attempt_at = now()")
	b.send(b.sender(map[string]*receiver{"failing": failing, "working": working})) // another process
	require.Equal(t, []string{failing.tried[0], failing.tried[0]}, failing.tried)
	require.Equal(t, []string{"created component:default/a"}, failing.changes(t))
	require.Len(t, working.tried, 1)
}

// TestOneWorkerSendsAtATime: so that the order is that of the changes, and a worker that died is replaced.
func TestOneWorkerSendsAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := newReceiver(t)
	sender := b.sender(map[string]*receiver{"one": r})
	b.serve("3:x", "a")
	b.exec("update catalog_webhooks set lease = gen_random_uuid(), leased_until = now() + interval '1 minute'")
	b.send(sender)
	require.Empty(t, r.tried)
	b.exec("update catalog_webhooks set leased_until = now()")
	b.send(sender)
	require.Equal(t, []string{"created component:default/a"}, r.changes(t))
}

// TestChangesAreKeptForTheWebhooksOfTheConfiguration: what another one has not taken is deleted, and so is what was not
// taken for too long, with a line in the log.
func TestChangesAreKeptForTheWebhooksOfTheConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := newReceiver(t)
	sender := b.sender(map[string]*receiver{"one": r, "two": r})
	b.serve("3:x", "a")
	count := func() (n int) {
		require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from catalog_changes").Scan(&n))
		return n
	}
	require.Equal(t, 2, count())
	samples, err := sender.Backlog(t.Context())
	require.NoError(t, err)
	require.Len(t, samples, 4)
	require.Equal(t, []string{"one"}, samples[0].Labels)
	require.InDelta(t, 1, samples[0].Value, 0)
	require.Positive(t, samples[1].Value)

	sender = b.sender(map[string]*receiver{"one": r})
	require.Equal(t, 1, count())
	more, err := sender.DeleteBefore(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 1, count())
	more, err = sender.DeleteBefore(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.False(t, more)
	require.Zero(t, count())
	require.Contains(t, b.logged.String(), "changes of entities were deleted before a webhook of catalog.events.webhooks had them")

	b.sender(nil)
	b.serve("3:y", "a", "b")
	require.Zero(t, count())
}
