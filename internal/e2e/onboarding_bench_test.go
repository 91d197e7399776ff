package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/kubetest"
)

// BenchmarkOnboarding measures the onboarding template on its servers: the whole run, and its rollback to nothing. For both
// it reports the seconds, those in which no other system was being asked, which are ours, the CPU time of server and
// worker, and the number of calls.
func BenchmarkOnboarding(b *testing.B) {
	for _, delay := range []time.Duration{0, 300 * time.Millisecond} {
		b.Run("delay="+delay.String(), func(b *testing.B) {
			o := newOnboarding(b, delay)
			o.start("worker")
			o.startServing("onboarding")
			o.onboardAndTakeBack(spending{}) // the first run also pays for what every run shares
			total := spending{}
			for b.Loop() {
				o.onboardAndTakeBack(total)
			}
			for unit, value := range total {
				b.ReportMetric(value/float64(b.N), unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spending is what was measured, by unit.
type spending map[string]float64

// onboardAndTakeBack adds a run and its rollback to a total.
func (o *onboarding) onboardAndTakeBack(total spending) {
	o.t.Helper()
	name := kubetest.Name("shop")
	id := ""
	o.measure(total, "run", func() {
		id = o.onboard(name)
		d := o.awaitPhase(id, "done", "parked")
		require.Equal(o.t, "completed", d.Status, "%+v", d.Error)
	})
	require.Equal(o.t, onboarded, o.things(name))
	// What the catalog reads after the run is not part of the rollback.
	o.until("the service to be in the catalog", func() bool {
		return o.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusOK
	})
	o.measure(total, "rollback", func() {
		o.rollBack(id)
		d := o.awaitPhase(id, "rolledBack", "parked")
		require.Equal(o.t, "rolledBack", d.Phase, "%+v", d.Error)
	})
	require.Empty(o.t, o.things(name))
}

func (o *onboarding) measure(total spending, what string, work func()) {
	o.t.Helper()
	busy, calls := o.outside.sum()
	began, cpu := time.Now(), o.cpu()
	work()
	wall, used := time.Since(began), o.cpu()-cpu
	afterwards, callsThen := o.outside.sum()
	for unit, value := range map[string]float64{
		"s": wall.Seconds(), "ours-s": (wall - (afterwards - busy)).Seconds(), "cpu-s": used.Seconds(), "calls": float64(callsThen - calls),
	} {
		total[what+"-"+unit] += value
	}
}

// cpu is the CPU time of all processes of the system that run.
func (s *system) cpu() (total time.Duration) {
	s.t.Helper()
	for _, p := range s.processes {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
		require.NoError(s.t, err)
		_, after, _ := strings.Cut(string(content), ") ")
		for _, field := range strings.Fields(after)[11:13] { // utime and stime of proc(5), in hundredths of a second
			used, err := strconv.Atoi(field)
			require.NoError(s.t, err)
			total += time.Duration(used) * 10 * time.Millisecond
		}
	}
	return total
}
