// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// startTimeout bounds the start of each process. labplane takes 3 s on an idle machine with two cores.
const startTimeout = 90 * time.Second

// startControlPlane starts labplane and returns when the API's /readyz has answered.
func (p *Plane) startControlPlane(ctx context.Context) error {
	// The socket is made here and inherited, so that the address is known before anything starts and no other process can take
	// the port in between.
	listener, err := listenLoopback(ctx, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	p.server = "https://" + listener.Addr().String()
	if err := errors.Join(p.writeCredentials(), p.makeEtcdDir()); err != nil {
		return errors.Join(err, listener.Close())
	}
	return p.runControlPlane(ctx, listener)
}

// runControlPlane starts labplane on a socket, which it closes here, with the data that is there.
func (p *Plane) runControlPlane(ctx context.Context, listener *net.TCPListener) error {
	defer listener.Close()
	inherited, err := listener.File()
	if err != nil {
		return fmt.Errorf("pass on the API's socket: %w", err)
	}
	defer inherited.Close()
	cmd, err := p.labplaneCommand()
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{inherited}
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdout.Close()
	cmd.Stdout = childStdout
	proc, err := p.startComponent(ControlPlaneProcess, cmd)
	childStdout.Close() // before the error: reading must end when the child ends
	if err != nil {
		return err
	}
	return waitReadyLine(ctx, proc, stdout)
}

// waitReadyLine reads the one line that labplane prints when /readyz answers.
func waitReadyLine(ctx context.Context, proc *process, stdout *os.File) error {
	lines := make(chan string, 1)
	go func() { // ends with the pipe
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- line
	}()
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case line := <-lines:
		var ready struct{ Event string }
		if err := json.Unmarshal([]byte(line), &ready); err == nil && ready.Event == "ready" {
			return nil
		}
		// Without a line it is about to end.
		select {
		case <-proc.exited:
			return proc.failure()
		case <-timer.C:
			return fmt.Errorf("labplane said %q where its ready line was expected", line)
		}
	case <-timer.C:
		return fmt.Errorf("labplane is not ready after %v; the end of %s:\n%s", startTimeout, proc.logPath, logTail(proc.logPath, 2000))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// makeEtcdDir makes etcd's data directory. Its sockets lie there too, and whoever can open them owns the cluster.
func (p *Plane) makeEtcdDir() error {
	if err := os.Mkdir(p.etcdDir(), 0o700); err != nil {
		return fmt.Errorf("make etcd's data directory: %w", err)
	}
	return nil
}

func (p *Plane) etcdDir() string { return filepath.Join(p.cfg.Dir, "etcd") }

func (p *Plane) labplaneCommand() (*exec.Cmd, error) {
	pkiDir := filepath.Join(p.cfg.Dir, "pki")
	cmd := command(p.cfg.Tools.Labplane,
		"-data="+p.etcdDir(),
		"-pki="+pkiDir,
		"-kubeconfigs="+filepath.Join(p.cfg.Dir, "kubeconfig"),
		"-routes="+p.routes.file,
		"-service-cidr="+p.cfg.ServiceCIDR.String(),
		"-pod-cidr="+p.cfg.PodCIDR.String(),
	)
	// A webhook configuration with an empty caBundle means "the roots of the machine": here, those of the stand-in.
	env, err := p.environment("labplane", "SSL_CERT_FILE="+filepath.Join(pkiDir, "webhook-ca.crt"))
	cmd.Env = env
	return cmd, err
}

// environment is what the plane's processes see: nothing of the caller's but the search path, so that a proxy or a kubeconfig
// of the machine has no say.
func (p *Plane) environment(name string, extra ...string) ([]string, error) {
	home := filepath.Join(p.cfg.Dir, "home", name)
	temporary := filepath.Join(home, "tmp")
	if err := os.MkdirAll(temporary, 0o700); err != nil {
		return nil, fmt.Errorf("make the home of %s: %w", name, err)
	}
	return append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "TMPDIR=" + temporary}, extra...), nil
}

func (p *Plane) kubeconfigPath(name string) string {
	return filepath.Join(p.cfg.Dir, "kubeconfig", name+".kubeconfig")
}

// writeCredentials makes the certificates, writes them and the kubeconfigs, and makes the client.
func (p *Plane) writeCredentials() error {
	names := append([]string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1",
		p.cfg.ServiceCIDR.Masked().Addr().Next().String(), // the kubernetes Service has the first address of the range
	}, p.cfg.SANs...)
	var err error
	if p.pki, err = newPKI(names); err != nil {
		return err
	}
	for name, data := range p.pki.files {
		if _, err := p.writeFile(filepath.Join("pki", name), data); err != nil {
			return err
		}
	}
	for _, name := range []string{"admin", "kcm", "scheduler"} {
		data, err := p.pki.kubeconfig(name, p.server)
		if err != nil {
			return fmt.Errorf("make the kubeconfig of %s: %w", name, err)
		}
		if _, err := p.writeFile(filepath.Join("kubeconfig", name+".kubeconfig"), data); err != nil {
			return err
		}
	}
	return p.makeClient()
}

func (p *Plane) makeClient() error {
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig())
	if err != nil {
		return fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	// The lab's own loops answer for every node and pod; client-side throttling would only slow the simulation down.
	config.QPS, config.Burst = 500, 1000
	config.WarningHandler = rest.NoWarnings{}
	p.rest = config
	p.client, err = kubernetes.NewForConfig(config)
	return err
}
