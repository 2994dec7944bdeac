// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
)

// maxOutput bounds what is kept of a command's output, in bytes.
const maxOutput = 1 << 20

// Command is what to run in a pod.
type Command struct {
	Namespace string
	Pods      string // a label selector
	Container string
	Words     []string // no shell sees them
}

// Exec runs a command in a pod that is Ready, the first by name, and gives what it printed to its standard output: 1 MiB of it at
// most, or that is an error. A command that fails is an error with what it printed to its standard error. *NotYetError: no such
// pod is ready.
func (c *Client) Exec(ctx context.Context, command Command) (string, error) {
	pod, err := c.readyPod(ctx, command.Namespace, command.Pods)
	if err != nil {
		return "", err
	}
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("run %s in pod %s/%s: %w", strings.Join(command.Words, " "), command.Namespace, pod, err)
	}
	executor, err := c.executor(command, pod)
	if err != nil {
		return fail(err)
	}
	var out, said limited
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &said})
	switch text := strings.TrimSpace(said.kept.String()); {
	case err != nil && text != "":
		return fail(fmt.Errorf("%w: %s", err, text))
	case err != nil:
		return fail(err)
	case out.over:
		return fail(fmt.Errorf("it prints more than %d bytes", maxOutput))
	}
	return out.kept.String(), nil
}

// readyPod is the name of a pod that is Ready and stays.
func (c *Client) readyPod(ctx context.Context, namespace, selector string) (string, error) {
	// The API lists by name.
	list, err := c.Typed.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: pageSize})
	if err != nil {
		return "", fmt.Errorf("list pods %s in %s: %w", selector, namespace, err)
	}
	reasons := []string{fmt.Sprintf("no pod %s in %s", selector, namespace)}
	for i, pod := range list.Items {
		if i == 0 {
			reasons = nil
		}
		if pod.DeletionTimestamp == nil && notReadyPod(pod) == "" {
			return pod.Name, nil
		}
		reasons = append(reasons, fmt.Sprintf("pod %s/%s is %s", namespace, pod.Name, pod.Status.Phase))
	}
	return "", &NotYetError{What: "ready", Reasons: reasons}
}

// executor speaks WebSocket, and SPDY with API servers that do not, as kubectl does.
func (c *Client) executor(command Command, pod string) (remotecommand.Executor, error) {
	config := rest.CopyConfig(c.Config)
	config.Timeout = 0 // the context ends it: a stream lasts as long as the command
	url := c.Typed.CoreV1().RESTClient().Post().Resource("pods").Namespace(command.Namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: command.Container, Command: command.Words, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec).URL()
	socket, err := remotecommand.NewWebSocketExecutor(config, "GET", url.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, "POST", url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

// limited keeps the first maxOutput bytes of what is written, and whether there was more. It takes all, for remotecommand only logs
// an error of it. The buffer is no embedded one, whose ReadFrom would be used instead of Write.
type limited struct {
	kept bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := min(len(p), maxOutput-l.kept.Len())
	l.kept.Write(p[:room])
	l.over = l.over || room < len(p)
	return len(p), nil
}
