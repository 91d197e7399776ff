package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// progress is how far an object is.
type progress int

const (
	underWay progress = iota
	ready
	failed
)

// isThere is why an object is ready that has nothing else to say.
const isThere = "it is there"

// readiness says how far an object is, and why.
func readiness(object *unstructured.Unstructured) (progress, string) {
	if object.GetDeletionTimestamp() != nil {
		return underWay, "it is being deleted"
	}
	if observed, has := number(object, "status", "observedGeneration"); has && observed < object.GetGeneration() {
		return underWay, "its controller has not seen it yet"
	}
	if judge, known := judges[object.GroupVersionKind().GroupKind().String()]; known {
		return judge(object)
	}
	return conditionsOf(object)
}

// judges are the kinds of Kubernetes whose objects say otherwise than by a condition Ready whether they are.
var judges = map[string]func(*unstructured.Unstructured) (progress, string){
	"Deployment.apps":                   deployment,
	"StatefulSet.apps":                  statefulSet,
	"DaemonSet.apps":                    daemonSet,
	"ReplicaSet.apps":                   replicas("readyReplicas"),
	"ReplicationController":             replicas("readyReplicas"),
	"Job.batch":                         job,
	"Pod":                               pod,
	"Namespace":                         phase("Active"),
	"PersistentVolumeClaim":             phase("Bound"),
	"Service":                           service,
	"APIService.apiregistration.k8s.io": conditioned("Available"),
	"CustomResourceDefinition.apiextensions.k8s.io": conditioned("Established"),
	"PodDisruptionBudget.policy":                    alwaysReady,
	"HorizontalPodAutoscaler.autoscaling":           alwaysReady,
}

// alwaysReady is for kinds whose conditions say nothing about whether they were accepted.
func alwaysReady(*unstructured.Unstructured) (progress, string) { return ready, isThere }

func deployment(object *unstructured.Unstructured) (progress, string) {
	if condition := condition(object, "Progressing"); condition["reason"] == "ProgressDeadlineExceeded" {
		return failed, text(condition, "message")
	}
	wanted := wantedReplicas(object)
	updated, _ := number(object, "status", "updatedReplicas")
	if updated < wanted {
		return underWay, fmt.Sprintf("%d of %d replicas are up to date", updated, wanted)
	}
	return replicas("availableReplicas")(object)
}

func statefulSet(object *unstructured.Unstructured) (progress, string) {
	strategy, _, _ := unstructured.NestedString(object.Object, "spec", "updateStrategy", "type")
	updated, _ := number(object, "status", "updatedReplicas")
	if wanted := wantedReplicas(object); strategy != "OnDelete" && updated < wanted {
		return underWay, fmt.Sprintf("%d of %d replicas are up to date", updated, wanted)
	}
	return replicas("readyReplicas")(object)
}

// replicas is ready when a number of the status has reached the wanted one.
func replicas(field string) func(*unstructured.Unstructured) (progress, string) {
	return func(object *unstructured.Unstructured) (progress, string) {
		wanted := wantedReplicas(object)
		there, _ := number(object, "status", field)
		said := fmt.Sprintf("%d of %d replicas are available", there, wanted)
		if there < wanted {
			return underWay, said
		}
		return ready, said
	}
}

func wantedReplicas(object *unstructured.Unstructured) int64 {
	if wanted, has := number(object, "spec", "replicas"); has {
		return wanted
	}
	return 1
}

func daemonSet(object *unstructured.Unstructured) (progress, string) {
	wanted, known := number(object, "status", "desiredNumberScheduled")
	there, _ := number(object, "status", "numberAvailable")
	said := fmt.Sprintf("%d of %d pods are available", there, wanted)
	if !known || there < wanted {
		return underWay, said
	}
	return ready, said
}

func job(object *unstructured.Unstructured) (progress, string) {
	if failure := condition(object, "Failed"); failure["status"] == "True" {
		return failed, text(failure, "message")
	}
	if complete := condition(object, "Complete"); complete["status"] == "True" {
		return ready, "it is complete"
	}
	active, _ := number(object, "status", "active")
	succeeded, _ := number(object, "status", "succeeded")
	return underWay, fmt.Sprintf("%d pods are active, %d have succeeded", active, succeeded)
}

func pod(object *unstructured.Unstructured) (progress, string) {
	current, _, _ := unstructured.NestedString(object.Object, "status", "phase")
	switch current {
	case "Succeeded":
		return ready, "it has succeeded"
	case "Failed":
		reason, _, _ := unstructured.NestedString(object.Object, "status", "message")
		return failed, reason
	default:
		return conditioned("Ready")(object)
	}
}

func service(object *unstructured.Unstructured) (progress, string) {
	kind, _, _ := unstructured.NestedString(object.Object, "spec", "type")
	ingress, _, _ := unstructured.NestedSlice(object.Object, "status", "loadBalancer", "ingress")
	if kind == "LoadBalancer" && len(ingress) == 0 {
		return underWay, "it has no address yet"
	}
	return ready, isThere
}

// phase is ready in one phase.
func phase(wanted string) func(*unstructured.Unstructured) (progress, string) {
	return func(object *unstructured.Unstructured) (progress, string) {
		current, _, _ := unstructured.NestedString(object.Object, "status", "phase")
		if current != wanted {
			return underWay, fmt.Sprintf("its phase is %q", current)
		}
		return ready, "it is " + current
	}
}

// conditioned is ready when a condition is true.
func conditioned(name string) func(*unstructured.Unstructured) (progress, string) {
	return func(object *unstructured.Unstructured) (progress, string) {
		found := condition(object, name)
		if found["status"] == "True" {
			return ready, "it is " + name
		}
		return underWay, conditionText(name, found)
	}
}

// conditionsOf is for the kinds of others, which say by these conditions how far they are. One without them is ready as
// it is.
func conditionsOf(object *unstructured.Unstructured) (progress, string) {
	if stalled := condition(object, "Stalled"); stalled["status"] == "True" {
		return failed, text(stalled, "message")
	}
	if reconciling := condition(object, "Reconciling"); reconciling["status"] == "True" {
		return underWay, conditionText("Reconciling", reconciling)
	}
	if condition := condition(object, "Ready"); condition != nil && condition["status"] != "True" {
		return underWay, conditionText("Ready", condition)
	}
	return ready, isThere
}

func condition(object *unstructured.Unstructured, name string) map[string]any {
	all, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, each := range all {
		if found, is := each.(map[string]any); is && found["type"] == name {
			return found
		}
	}
	return nil
}

func conditionText(name string, condition map[string]any) string {
	if condition == nil {
		return fmt.Sprintf("it has no condition %s yet", name)
	}
	said := []string{fmt.Sprintf("its condition %s is %s", name, text(condition, "status")), text(condition, "reason"), text(condition, "message")}
	return strings.Join(slices.DeleteFunc(said, func(part string) bool { return part == "" }), ": ")
}

func text(object map[string]any, name string) string {
	value, _ := object[name].(string)
	return value
}

// number is a whole number of an object.
func number(object *unstructured.Unstructured, path ...string) (int64, bool) {
	value, has, err := unstructured.NestedInt64(object.Object, path...)
	return value, has && err == nil
}
