/* kill_point.h: places at which a test may kill the process, to see that nothing is lost there.
 *
 * AFRUN_KILL_AT=NAME:N (in the environment) kills the process with SIGKILL when it comes to the
 * place NAME for the Nth time. Without it a place costs one comparison. The names are those of the
 * calls: grep -rho 'af_kill_point("[a-z-]*' runtime */
#ifndef AF_KILL_POINT_H
#define AF_KILL_POINT_H

void af_kill_point(const char *name);

#endif
