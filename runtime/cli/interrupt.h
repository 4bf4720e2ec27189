/* interrupt.h: Ctrl-C, and SIGTERM, which is the same.
 *
 * The script that runs is asked to stop; a quarter of a second later, if it stands in a loop inside
 * of a C function and nobody has called af_interrupt_seen(), the process ends with status 130. */
#ifndef AF_INTERRUPT_H
#define AF_INTERRUPT_H

/* Catches SIGINT and SIGTERM. Returns a descriptor that can be read after each
 * one, for a loop; it lives as long as the process. */
int af_interrupt_catch(void);

/* The interrupt is being dealt with: the process is not ended. */
void af_interrupt_seen(void);

#endif
