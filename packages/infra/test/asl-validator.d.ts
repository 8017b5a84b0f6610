/** The part of the package that is used; it has no types of its own. */
declare module 'asl-validator' {
  const validate: (
    definition: object,
    options: { readonly checkPaths?: boolean; readonly checkArn?: boolean },
  ) => { readonly isValid: boolean; readonly errorsText: () => string };
  export = validate;
}
