// One binary for every process of the test cluster; the first argument picks the role.
//
// Nothing may outlive the process that started it, however that one ends. What it starts therefore gets a pipe as
// standard input and WEIR_DIE_WITH_STDIN=1: the kernel closes the pipe's other end, even after a SIGKILL.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var roles = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": kcm.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

// waitForStdin returns once whoever holds the other end of standard input is gone.
func waitForStdin() {
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// sweep removes a folder once standard input ends. The processes that write there end at the same moment, but not
// before it: hence more than once.
func sweep(folder string) {
	waitForStdin()
	for range 20 {
		_ = os.RemoveAll(folder)
		time.Sleep(50 * time.Millisecond)
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: plane etcd|kubectl|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|sweep ...")
		os.Exit(2)
	}
	role := os.Args[1]
	if role != "sweep" && os.Getenv("WEIR_DIE_WITH_STDIN") == "1" {
		go func() {
			waitForStdin()
			os.Exit(1)
		}()
	}
	os.Args = append([]string{role}, os.Args[2:]...)
	switch role {
	case "sweep":
		sweep(os.Args[1])
	case "etcd":
		etcdmain.Main(os.Args)
	case "kubectl":
		_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	default:
		command, ok := roles[role]
		if !ok {
			fmt.Fprintln(os.Stderr, "plane: no such role:", role)
			os.Exit(2)
		}
		os.Exit(cli.Run(command()))
	}
}
